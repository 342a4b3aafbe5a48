import type { Command } from "commander";
import { loadSite, overridesOf } from "../config/site.ts";
import { registryFiles } from "../registry/files.ts";
import { registryPlan } from "../registry/plan.ts";
import { print, printJson } from "./output.ts";

interface JsonOption {
  readonly json?: boolean;
}

export function addRegistryCommands(program: Command, root: string): void {
  const registry = program.command("registry").description("the artifact registry on d601");
  registry
    .command("plan")
    .description("architecture boundary, dependencies, default paths and the way of an artifact")
    .option("--json", "print JSON")
    .action(({ json }: JsonOption) => {
      const site = loadSite(root, overridesOf(process.env));
      const plan = registryPlan(site.registry, site.connections.d601);
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
      const site = loadSite(root, overridesOf(process.env));
      const files = registryFiles(site.registry, site.connections.d601);
      if (json) return printJson({ files });
      for (const { path, sha256, content } of files) print(`# ${path}\n# sha256 ${sha256}\n${content}`);
    });
}

function listLines(value: readonly string[] | Readonly<Record<string, string>>): string[] {
  return Array.isArray(value)
    ? value.map((line) => `- ${line}`)
    : Object.entries(value).map(([key, text]) => `${key}: ${text}`);
}
