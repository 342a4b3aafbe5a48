import { type Command, Option } from "commander";
import { checkValue } from "../config/json-file.ts";
import { loadSite, overridesOf } from "../config/site.ts";
import { Commit } from "../config/values.ts";
import { exitCodes, InfraBlockedError, type Problem, renderProblem, UserError } from "../errors.ts";
import { type PublishResult, publishArtifact } from "../publish/publish.ts";
import { buildsOfCommit, type LeftOut, namedBuilds } from "../publish/selection.ts";
import { withRegistry } from "../registry/open.ts";
import { bridgeRestart } from "../registry/patience.ts";
import { openMaster } from "../ssh/master.ts";
import { mark, print, printFields, printJson, printTable } from "./output.ts";
import { runTasks } from "./tasks.ts";

interface PublishOptions {
  readonly service?: readonly string[];
  readonly all?: true;
  readonly commit: string;
  readonly jobs: string;
  readonly json?: boolean;
}

interface Failure {
  readonly serviceId: string;
  readonly error: UserError;
}

const maxJobs = 8;

/**
 * One service by name prints, with `--json`, its artifact summary, and where it fails `{ok: false, error}` as every
 * command does. Several, or `--all`, print `{ok, artifacts: [summary…], failed: [{serviceId, error}]}`, and `--all`
 * names in `leftOut` the services of other repositories and those whose Dockerfile the commit lacks. One failure does not stop the others.
 */
export function addPublishCommand(artifact: Command, root: string): void {
  artifact
    .command("publish")
    .description("build a pushed commit on d601 and push it to the registry, or reuse what is there")
    .option("--service <services...>", "service ids of CI.json; several by blanks, commas or by repeating the option")
    .addOption(
      new Option(
        "--all",
        "every service whose Dockerfile the commit has, of the source repositories on d601",
      ).conflicts("service"),
    )
    .requiredOption("--commit <commit>", "full commit, 40 hex digits")
    .option("--jobs <count>", `how many are built at a time, at most ${maxJobs}`, "2")
    .option("--json", "print the artifact summary as JSON")
    .action(async (options: PublishOptions) => {
      if (!options.service && !options.all) throw nothingNamed();
      const jobs = jobsOf(options.jobs);
      const commit = checkValue(options.commit, "--commit", Commit);
      const site = loadSite(root, overridesOf(process.env));
      const host = site.connections.d601;
      const named = options.all ? undefined : namedBuilds(site.ci, options.service ?? []);
      await openMaster(host);
      const { builds, leftOut } = named ?? (await buildsOfCommit(site, commit));
      const results = await withRegistry(host, site.registry.port, async (registry) => {
        await bridgeRestart(() => registry.ping());
        const tasks = builds.map((build) => ({
          title: `publishing ${build.serviceId} ${commit}`,
          work: (say: (line: string) => void) => publishArtifact(site, registry, build, commit, say),
        }));
        return runTasks(tasks, jobs);
      });
      const published = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
      const failed = results.flatMap((result, index): Failure[] => {
        if (result.status === "fulfilled") return [];
        if (!(result.reason instanceof UserError)) throw result.reason;
        return [{ serviceId: builds[index]?.serviceId ?? "", error: result.reason }];
      });
      if (!options.all && builds.length === 1) return reportOne(published, failed, options.json);
      process.exitCode = exitCodeOf(failed);
      if (options.json) return printJson(manyAsJson(published, failed, options.all ? leftOut : undefined));
      showMany(published, failed, leftOut);
    });
}

function reportOne([published]: readonly PublishResult[], [failure]: readonly Failure[], json = false): void {
  if (failure) throw failure.error;
  if (!published) throw new Error("neither a result nor a failure");
  if (json) {
    printJson(published.summary);
  } else {
    print(published.built ? "built and pushed" : "already published; nothing was built");
    printFields({ ...published.summary });
  }
}

function manyAsJson(published: readonly PublishResult[], failed: readonly Failure[], leftOut?: readonly LeftOut[]) {
  return {
    ok: failed.length === 0,
    artifacts: published.map(({ summary }) => summary),
    failed: failed.map(({ serviceId, error }): { serviceId: string; error: Problem } => ({
      serviceId,
      error: error.problem,
    })),
    ...(leftOut ? { leftOut } : {}),
  };
}

function showMany(published: readonly PublishResult[], failed: readonly Failure[], leftOut: readonly LeftOut[]): void {
  const rows = [
    ...published.map(({ summary, built }) => [
      summary.serviceId,
      mark(true, built ? "built" : "reused"),
      summary.digest.slice(0, 19),
    ]),
    ...failed.map(({ serviceId, error }) => [serviceId, mark(false, "failed"), error.problem.what]),
  ];
  printTable(["service", "", "digest, or why not"], rows);
  for (const why of new Set(leftOut.map(({ reason }) => reason))) {
    const services = leftOut.filter(({ reason }) => reason === why).map(({ serviceId }) => serviceId);
    print(`left out: ${services.join(", ")} (${why})`);
  }
  for (const { error } of failed) process.stderr.write(`\n${renderProblem(error.problem)}\n`);
}

/** Infra-blocked only where nothing else was wrong with any of them. */
function exitCodeOf(failed: readonly Failure[]): number {
  if (failed.length === 0) return exitCodes.ok;
  return failed.every(({ error }) => error instanceof InfraBlockedError) ? exitCodes.infraBlocked : exitCodes.no;
}

function jobsOf(text: string): number {
  const jobs = Number(text);
  if (/^\d+$/.test(text) && jobs >= 1 && jobs <= maxJobs) return jobs;
  throw new UserError(
    { what: "--jobs is no such number", found: text, allowed: `a whole number from 1 to ${maxJobs}` },
    exitCodes.usage,
  );
}

function nothingNamed(): UserError {
  return new UserError(
    {
      what: "nothing is named that could be published",
      allowed: "--service <service>, as often as needed, or --all",
      remedy: "npx unidesk artifact publish --service frontend --commit SHA",
    },
    exitCodes.usage,
  );
}
