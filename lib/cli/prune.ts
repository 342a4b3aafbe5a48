import { type Command, Option } from "commander";
import { refuseInCodeQueueTask } from "../approval/code-queue-task.ts";
import { loadSite, overridesOf } from "../config/site.ts";
import { shortCommit } from "../config/values.ts";
import { exitCodes, UserError } from "../errors.ts";
import { againWhileTooOld, applyPrune, type PruneResult } from "../prune/apply.ts";
import type { Decided } from "../prune/decide.ts";
import { type PrunePlan, planPrune } from "../prune/plan.ts";
import { print, printJson, printTable, withProgress } from "./output.ts";

interface PruneOptions {
  readonly dryRun?: boolean;
  readonly apply?: boolean;
  readonly keep: string;
  readonly keepPinsOf: readonly string[];
  readonly minAge: string;
  readonly json?: boolean;
}

export function addPruneCommand(artifact: Command, root: string): void {
  artifact
    .command("prune")
    .description("free the registry's disk of what nothing runs, pins or may go back to; no deployment does this")
    .addOption(new Option("--dry-run", "say what would go, and change nothing").conflicts("apply"))
    .option("--apply", "delete it: the registry is read-only meanwhile, and restarts twice")
    .option("--keep <count>", "healthy commits of each service and environment that stay", "3")
    .option(
      "--keep-pins-of <git ref>",
      "also keep what deploy.json of this branch, tag or commit pins; may be repeated",
      (reference: string, before: readonly string[]) => [...before, reference],
      [],
    )
    .option("--min-age <hours>", "what was pushed later stays", "24")
    .option("--json", "print JSON")
    .action(async (options: PruneOptions) => {
      if (!options.dryRun && !options.apply) {
        const what = "artifact prune needs --dry-run or --apply; nothing was done";
        throw new UserError({ what, remedy: "look at --dry-run first" }, exitCodes.usage);
      }
      if (options.apply) refuseInCodeQueueTask(process.env, "pruning the registry");
      const request = {
        keep: countOf(options.keep, "--keep", 0, 100),
        minAgeHours: countOf(options.minAge, "--min-age", 0, 100_000),
        references: options.keepPinsOf,
      };
      const site = loadSite(root, overridesOf(process.env));
      const { plan, result } = await againWhileTooOld(
        async () => {
          const plan = await withProgress("looking for what is not needed", (say) => planPrune(site, request, say));
          for (const warning of plan.warnings) process.stderr.write(`warning: ${warning}\n`);
          if (!options.json) showPlan(plan);
          if (!options.apply || isEmpty(plan)) return { plan, result: undefined };
          return { plan, result: await withProgress("pruning the registry", (say) => applyPrune(site, plan, say)) };
        },
        (line) => process.stderr.write(`${line}\n`),
      );
      if (options.json) return printJson(jsonOf(plan, options.apply === true, result));
      if (result)
        print(`\npruned: ${result.blobs} blobs, ${bytes(result.freedBytes)} freed; the registry is writable again`);
      else if (!isEmpty(plan)) print("\nnothing was changed; --apply does it");
    });
}

/** Orphaned blobs alone are a reason too: an earlier prune was cut off. */
function isEmpty({ artifacts, manifests, freed }: PrunePlan): boolean {
  return manifests.length === 0 && freed.blobs === 0 && !artifacts.some(({ decision }) => decision === "delete");
}

function jsonOf({ artifacts, manifests, freed, warnings }: PrunePlan, apply: boolean, result?: PruneResult) {
  return {
    ok: true,
    applied: apply,
    predicted: { bytes: freed.total, unreferencedBytes: freed.unreferenced, blobs: freed.blobs },
    freed: apply ? { bytes: result?.freedBytes ?? 0, blobs: result?.blobs ?? 0 } : null,
    artifacts: artifacts.map(({ repository, tag, digest, pushedAt, decision, reasons }) => ({
      repository,
      tag: tag ?? null,
      digest,
      pushedAt: new Date(pushedAt).toISOString(),
      decision,
      reasons,
      bytesAlone: freed.alone.get(`${repository}@${digest}`) ?? 0,
    })),
    manifests,
    warnings,
  };
}

function showPlan(plan: PrunePlan): void {
  const of = (decision: Decided["decision"]) => plan.artifacts.filter((one) => one.decision === decision);
  const age = ({ pushedAt }: Decided) =>
    `${Math.max(0, Math.floor((plan.storage.lookedAt - pushedAt) / 86_400_000))} d`;
  const kept = of("keep");
  if (kept.length > 0) {
    print("keep");
    printTable(
      ["artifact", "age", "why"],
      kept.map((one) => [nameOf(one), age(one), one.reasons.join(", ")]),
    );
  }
  const foreign = of("left alone");
  if (foreign.length > 0) {
    print("left alone");
    printTable(
      ["artifact", "age", "why"],
      foreign.map((one) => [nameOf(one), age(one), one.reasons.join(", ")]),
    );
  }
  if (isEmpty(plan)) {
    print("nothing to prune");
    return;
  }
  const going = of("delete");
  print("delete");
  const alone = (one: Decided) => bytes(plan.freed.alone.get(`${one.repository}@${one.digest}`) ?? 0);
  printTable(
    ["artifact", "age", "frees alone"],
    going.map((one) => [nameOf(one), age(one), alone(one)]),
  );
  const { total, unreferenced, blobs } = plan.freed;
  const rest = unreferenced > 0 ? `, of it ${bytes(unreferenced)} that no image names` : "";
  print(`${going.length} artifacts, ${blobs} blobs: ${bytes(total)} (${total} bytes)${rest}`);
}

/** `frontend 1a2b3c4`, or what identifies something that is no commit of ours. */
function nameOf({ repository, tag, digest }: Decided): string {
  const service = repository.replace(/^unidesk\//, "");
  if (tag === undefined) return `${service} @${digest.slice(7, 19)}`;
  return `${service} ${/^[0-9a-f]{40}$/.test(tag) ? shortCommit(tag) : tag}`;
}

function bytes(count: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const at = count === 0 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(count) / 3));
  return `${(count / 1000 ** at).toFixed(at === 0 ? 0 : 1)} ${units[at]}`;
}

function countOf(text: string, option: string, least: number, most: number): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= least && count <= most) return count;
  throw new UserError(
    { what: `${option} is no such number`, found: text, allowed: `a whole number from ${least} to ${most}` },
    exitCodes.usage,
  );
}
