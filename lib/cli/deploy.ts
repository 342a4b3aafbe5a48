import type { Command } from "commander";
import { findService } from "../catalog/index.ts";
import { checkValue } from "../config/json-file.ts";
import { loadSite, overridesOf, type Site } from "../config/site.ts";
import { Commit, Environment, shortCommit } from "../config/values.ts";
import { lookForPlan, nothingLookedAt } from "../deploy-plan/facts.ts";
import { planDeployments } from "../deploy-plan/plan.ts";
import {
  type PlanQuestion,
  type PlanSubject,
  readSubjects,
  requireService,
  subjectsOf,
} from "../deploy-plan/question.ts";
import type { DeployPlan, DeployPlanRecord } from "../deploy-plan/schema.ts";
import { exitCodes } from "../errors.ts";
import { consumerNamed } from "./consumer.ts";
import { mark, print, printFields, printJson, printTable, withProgress } from "./output.ts";

interface PlanOptions {
  readonly env?: string;
  readonly service?: string;
  readonly commit?: string;
  readonly json?: boolean;
}

export function addDeployCommands(program: Command, root: string): void {
  program
    .command("deploy")
    .description("what deployments would do")
    .command("plan")
    .description("what an apply would do with each pin, and what it would not touch; changes nothing")
    .option("--env <environment>", "prod or dev; without it both")
    .option("--service <service>", "service id; without it every pinned one")
    .option("--commit <commit>", "what if this commit of the service were pinned: 40 hex digits")
    .option("--json", "print JSON")
    .action(async (options: PlanOptions) => {
      const question = questionOf(options);
      const site = loadSite(root, overridesOf(process.env));
      const subjects = subjectsOf(question, readSubjects(site), site.deployFile);
      const plan = planDeployments(site, subjects, await look(site, subjects));
      process.exitCode = plan.ok ? exitCodes.ok : exitCodes.no;
      if (options.json) return printJson(plan);
      for (const warning of plan.warnings) process.stderr.write(`warning: ${warning}\n`);
      showTable(plan);
      if (question.service !== undefined) plan.records.forEach(showDetails);
    });
}

function questionOf({ env, service, commit }: PlanOptions): PlanQuestion {
  const environment = env === undefined ? undefined : checkValue(env, "--env", Environment);
  const checked = commit === undefined ? undefined : checkValue(commit, "--commit", Commit);
  const question: PlanQuestion = {
    ...(environment ? { environment } : {}),
    ...(service === undefined ? {} : { service }),
    ...(checked ? { commit: checked } : {}),
  };
  requireService(question);
  if (service !== undefined) requireKnown(service, environment);
  return question;
}

/** What is unsupported is planned like anything else: the record says so. */
function requireKnown(service: string, environment: Environment | undefined): void {
  const consumers = findService(service)?.consumers;
  if (!consumers || (environment && !consumers[environment])) consumerNamed(service, environment ?? "prod");
}

async function look(site: Site, subjects: readonly PlanSubject[]) {
  if (process.env.UNIDESK_OBSERVE === "off") return nothingLookedAt;
  return withProgress("asking the hosts for history and secrets", () => lookForPlan(site, subjects));
}

function showTable({ records }: DeployPlan): void {
  printTable(
    ["service", "env", "decision", "commit", "approval", "where"],
    records.map((record) => [
      record.service,
      record.environment,
      mark(record.decision === "deployable" || record.decision === "supervised", record.decision),
      commitCell(record),
      record.requiresSupervisorApproval ? "needed" : "-",
      placeCell(record),
    ]),
  );
  if (records.some(isWhatIf)) print("? is not what deploy.json pins");
}

/** `1a2b3c4`, or `1a2b3c4?` for what deploy.json does not pin. */
function commitCell(record: DeployPlanRecord): string {
  if (!record.commit) return "-";
  return `${shortCommit(record.commit)}${isWhatIf(record) ? "?" : ""}`;
}

function isWhatIf({ commit, pinnedCommit }: DeployPlanRecord): boolean {
  return commit !== null && commit !== pinnedCommit;
}

function placeCell({ target }: DeployPlanRecord): string {
  if (!target) return "nowhere";
  if (target.kind === "compose") return `${target.host} ${target.container}`;
  const [first = "", ...rest] = target.deployments;
  return `${target.host} ${target.namespace} ${first}${rest.length > 0 ? ` and ${rest.length} more` : ""}`;
}

function showDetails(record: DeployPlanRecord): void {
  const { rollback, runtimeSecrets: secrets, source, registry } = record;
  print(`\n${record.service} in ${record.environment}: ${record.decision}${record.reason ? `: ${record.reason}` : ""}`);
  printFields({
    commit: record.commit ?? "-",
    pinned: record.pinnedCommit ?? "not in deploy.json",
    stack: record.stack ?? "-",
    image: registry.imageRef ?? "-",
    source: source ? `${source.repo} ${source.dockerfile}` : "-",
    affects: record.affectedRuntime,
    never: record.excludedTargets.join(", "),
    rollback: rollback.command ?? rollback.reason ?? "-",
    previous: rollback.previousCommit ?? rollback.reason ?? "-",
    ...(secrets ? { secrets: secretsLine(secrets) } : {}),
    ...(record.selfBootstrapGuardText ? { guard: record.selfBootstrapGuardText } : {}),
  });
  print("actions");
  record.plannedActions.forEach(({ on, what, command }, index) => {
    print(`  ${index + 1}. ${on}: ${what}${command ? `\n     ${command}` : ""}`);
  });
  if (record.verification.length === 0) return;
  print("verified");
  for (const line of record.verification) print(`  - ${line}`);
}

function secretsLine({ secrets, secretSource, recommendedAction }: NonNullable<DeployPlanRecord["runtimeSecrets"]>) {
  const found = secrets?.map(({ key, present, length }) => `${key} ${present ? `${length} characters` : "missing"}`);
  return `${secretSource}; ${found?.join(", ") ?? "not looked at"}; action: ${recommendedAction}`;
}
