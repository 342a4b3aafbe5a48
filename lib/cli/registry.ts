import type { Command } from "commander";
import { loadSite, overridesOf } from "../config/site.ts";
import { exitCodes } from "../errors.ts";
import { registryFiles } from "../registry/files.ts";
import { registryPlan } from "../registry/plan.ts";
import { type RegistryReport, reportRegistry } from "../registry/report.ts";
import { addDeployBackendCore } from "./deploy-backend-core.ts";
import { mark, print, printJson, printTable } from "./output.ts";

interface JsonOption {
  readonly json?: boolean;
}

export function addRegistryCommands(program: Command, root: string): void {
  const registry = program.command("registry").description("the artifact registry on d601");
  const site = () => loadSite(root, overridesOf(process.env));
  registry
    .command("plan")
    .description("architecture boundary, dependencies, default paths and the way of an artifact")
    .option("--json", "print JSON")
    .action(({ json }: JsonOption) => {
      const { registry: settings, connections } = site();
      const plan = registryPlan(settings, connections.d601);
      if (json) return printJson(plan);
      for (const [section, lines] of Object.entries(plan)) {
        print(`${section}`);
        for (const line of listLines(lines)) print(`  ${line}`);
      }
    });
  registry
    .command("render")
    .description("the managed files, byte for byte as they land on d601, with their SHA-256")
    .option("--json", "print JSON")
    .action(({ json }: JsonOption) => {
      const { registry: settings, connections } = site();
      const files = registryFiles(settings, connections.d601);
      if (json) return printJson({ files });
      for (const { path, sha256, content } of files) print(`# ${path}\n# sha256 ${sha256}\n${content}`);
    });
  addDeployBackendCore(registry);
  for (const question of ["status", "health"] as const) {
    registry
      .command(question)
      .description(
        question === "status"
          ? "what is there; ok when the look succeeded"
          : "whether the registry is as declared; exit 1 where it is not",
      )
      .option("--json", "print JSON")
      .action(async ({ json }: JsonOption) => {
        const { registry: settings, connections } = site();
        const report = await reportRegistry(connections.d601, settings, question);
        if (json) printJson(report);
        else show(report);
        if (report.decision === "infra-blocked") process.exitCode = exitCodes.infraBlocked;
        else process.exitCode = report.ok ? exitCodes.ok : exitCodes.no;
      });
  }
}

function show(report: RegistryReport): void {
  print(`${mark(report.decision === "healthy", report.decision)}: ${report.message}`);
  const rows = Object.entries(report.checks).map(([scope, check]) => [
    scope,
    mark(check.ok),
    check.reasons.map(({ what, expected, found }) => `${what}: expected ${expected}, found ${found}`).join("\n"),
  ]);
  if (rows.length > 0) printTable(["check", "", "why"], rows);
}

function listLines(value: readonly string[] | Readonly<Record<string, string>>): string[] {
  return Array.isArray(value)
    ? value.map((line) => `- ${line}`)
    : Object.entries(value).map(([key, text]) => `${key}: ${text}`);
}
