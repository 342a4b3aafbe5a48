import type { Command } from "commander";
import { loadPins, loadSite, overridesOf, type Site } from "../config/site.ts";
import { check, type DoctorCheck } from "../doctor/checks.ts";
import { examineHost } from "../doctor/host.ts";
import { examineRunner } from "../doctor/runner.ts";
import { exitCodes, messageOf } from "../errors.ts";
import { reportRegistry } from "../registry/report.ts";
import { mark, print, printJson, printTable, withProgress } from "./output.ts";

export function addDoctorCommand(program: Command, root: string): void {
  program
    .command("doctor")
    .description("prerequisites, files, hosts, channels, clocks and disks, each with its remedy")
    .option("--json", "print JSON")
    .action(async ({ json }: { readonly json?: boolean }) => {
      const site = loadSite(root, overridesOf(process.env));
      const checks = await withProgress("looking at the runner and the hosts", () => examine(site));
      const ok = checks.every((candidate) => candidate.ok);
      if (json) printJson({ ok, checks });
      else show(checks);
      process.exitCode = ok ? exitCodes.ok : exitCodes.no;
    });
}

async function examine(site: Site): Promise<DoctorCheck[]> {
  const groups = await Promise.all([
    examineRunner(site.root),
    [examinePins(site)],
    examineHost(site, "d601"),
    examineHost(site, "main-server"),
    examineRegistry(site),
  ]);
  return groups.flat();
}

function examinePins(site: Site): DoctorCheck {
  try {
    return check("runner", "pins", true, `${site.deployFile}: ${loadPins(site).length}`, "");
  } catch (error) {
    return check("runner", "pins", false, messageOf(error), `correct ${site.deployFile}`);
  }
}

async function examineRegistry(site: Site): Promise<DoctorCheck[]> {
  const report = await reportRegistry(site.connections.d601, site.registry, "health");
  if (report.decision === "infra-blocked") return [];
  const remedy = "npx unidesk registry health says why; npx cdktf deploy d601-registry repairs";
  return [check("d601", "registry", report.ok, report.decision, remedy)];
}

function show(checks: readonly DoctorCheck[]): void {
  printTable(
    ["where", "what", "", "found"],
    checks.map(({ where, what, ok, found, remedy }) => [
      where,
      what,
      mark(ok),
      remedy ? `${found}\n→ ${remedy}` : found,
    ]),
  );
  const failed = checks.filter(({ ok }) => !ok).length;
  print(failed === 0 ? "\nall is well" : `\n${failed} of ${checks.length} need attention`);
}
