import type { Command } from "commander";
import { RollbackReason } from "../config/deploy-file.ts";
import { checkValue } from "../config/json-file.ts";
import { loadPins, loadSite, overridesOf } from "../config/site.ts";
import { Environment } from "../config/values.ts";
import { exitCodes, UserError } from "../errors.ts";
import { openPins } from "../pins/file.ts";
import type { PinReport } from "../pins/gather.ts";
import { rollBackPins } from "../pins/rollback.ts";
import { setPins } from "../pins/set.ts";
import { showPins } from "../pins/show.ts";
import { plannedHead, plannedRow, shownHead, shownRow } from "../pins/table.ts";
import { print, printJson, printTable, whole, withProgress } from "./output.ts";
import { commitArgument, knownService, meantBy, pinTargets } from "./pin-targets.ts";

interface Options {
  readonly env: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

export function addPinCommands(program: Command, root: string): void {
  const pin = program
    .command("pin")
    .description("what deploy.json says should run, checked against registry, source and hosts");
  pin
    .command("set")
    .description("pin a published commit of a release line, with its digest")
    .argument("[service]", "service id")
    .requiredOption("--env <environment>", "prod or dev")
    .requiredOption("--commit <commit>", "full commit, 40 hex digits")
    .option("--all", "every pinned service of the environment whose repository has the commit")
    .option("--json", "print JSON")
    .action(async (service: string | undefined, options: Options & { readonly commit: string }) => {
      const environment = checkValue(options.env, "--env", Environment);
      const meant = meantBy(service, options.all);
      const site = loadSite(root, overridesOf(process.env));
      const opened = openPins(site);
      const targets = pinTargets(site, opened, environment, meant);
      const commit = await commitArgument(site, targets, options.commit);
      const report = await withProgress("asking registry and source repository", () =>
        setPins(site, opened, targets, commit, meant.all),
      );
      show(report, options.json);
    });
  pin
    .command("rollback")
    .description("pin the previous healthy commit of the history on the hosts")
    .argument("[service]", "service id")
    .requiredOption("--env <environment>", "prod or dev")
    .option("--reason <text>", "why, for reviewers; without it the commit that is left is named")
    .option("--all", "every pinned service of the environment that has an earlier healthy commit")
    .option("--json", "print JSON")
    .action(async (service: string | undefined, options: Options & { readonly reason?: string }) => {
      const environment = checkValue(options.env, "--env", Environment);
      const reason = options.reason === undefined ? undefined : checkValue(options.reason, "--reason", RollbackReason);
      const meant = meantBy(service, options.all);
      const site = loadSite(root, overridesOf(process.env));
      const opened = openPins(site);
      const targets = pinTargets(site, opened, environment, meant);
      const pinned = targets.flatMap(({ current, ...target }) => (current ? [{ ...target, current }] : []));
      if (pinned.length < targets.length) throw notPinned(opened.name, service ?? "", environment);
      const report = await withProgress("reading the history, registry and source repository", () =>
        rollBackPins(site, opened, pinned, { reason, all: meant.all }),
      );
      show(report, options.json);
    });
  pin
    .command("show")
    .description("pinned, live and newest published commit of each pin; ? is what nobody could look at")
    .argument("[service]", "service id; without it all")
    .option("--env <environment>", "prod or dev; without it both")
    .option("--all", "every pin, as without a service")
    .option("--json", "print JSON")
    .action(async (service: string | undefined, options: Partial<Options>) => {
      const environment = options.env === undefined ? undefined : checkValue(options.env, "--env", Environment);
      const meant = service === undefined ? undefined : meantBy(knownService(service), options.all);
      const site = loadSite(root, overridesOf(process.env));
      const pins = loadPins(site).filter(
        (one) => (!environment || one.environment === environment) && (!meant || one.service === meant.service),
      );
      if (meant && pins.length === 0) throw notPinned(site.deployFile, meant.service ?? "", environment);
      const report = await withProgress("looking at hosts, registry and source repositories", () =>
        showPins(site, pins),
      );
      process.exitCode = report.ok ? exitCodes.ok : exitCodes.infraBlocked;
      if (options.json) return printJson(report.ok ? report : { ...report, decision: "infra-blocked" });
      for (const warning of report.warnings) process.stderr.write(`warning: ${warning}\n`);
      if (pins.length === 0) return print(`${site.deployFile} has no such pin`);
      printTable(shownHead, report.pins.map(shownRow));
      const refusals = new Set(report.pins.flatMap(({ newestPublished }) => newestPublished.refusals));
      for (const refusal of refusals) print(`newest, not deployable: ${whole(refusal)}`);
    });
}

function show(report: PinReport, json: boolean | undefined): void {
  if (json) {
    printJson(report);
    return;
  }
  for (const warning of report.warnings) process.stderr.write(`warning: ${warning}\n`);
  printTable(plannedHead, report.pins.map(plannedRow));
  for (const { service, notes } of report.pins) for (const note of notes) print(`${service}: ${note}`);
  for (const { service, reason } of report.leftOut) print(`${service}: left out: ${reason}`);
  print(
    report.changed
      ? `${report.file} is changed: git diff ${report.file}`
      : `already pinned; ${report.file} is not touched`,
  );
}

function notPinned(file: string, service: string, environment: Environment | undefined): UserError {
  return new UserError(
    {
      what: `${file} does not pin ${service || "anything"}${environment ? ` in ${environment}` : ""}`,
      found: service || "no pin",
      remedy: "npx unidesk pin show",
    },
    exitCodes.usage,
  );
}
