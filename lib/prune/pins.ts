import { relative, resolve } from "node:path";
import { execa } from "execa";
import * as z from "zod";
import { findService, isConsumer } from "../catalog/index.ts";
import { repositoryName } from "../config/ci-file.ts";
import { parseJson } from "../config/json-file.ts";
import { loadPins, type Site } from "../config/site.ts";
import { Commit, Digest, type Environment, ServiceId, shortCommit } from "../config/values.ts";
import { exitCodes, InfraBlockedError, UserError } from "../errors.ts";
import type { Use } from "./decide.ts";

const PinEntry = z.looseObject({ commit: Commit, digest: Digest.optional() });

/** A pins file of another time: every environment counts, and fields and services that are not known here do no harm. */
export const AnyDeployFile = z.looseObject({
  environments: z.record(z.string(), z.record(ServiceId, PinEntry)),
});

/**
 * What the checkout pins, and what the pins file of each Git reference does. The upstream of the checkout's branch is one
 * of them: a checkout that nobody pulled lately does not know what is pinned by now.
 */
export async function pinnedUses(site: Site, references: readonly string[]): Promise<Use[]> {
  const here = loadPins(site).flatMap(({ service, environment, commit, digest }) =>
    usesOfPin(service, environment, { commit, digest }, `pinned in ${environment}`),
  );
  const upstream = await upstreamOf(site);
  const own = upstream === undefined || references.includes(upstream) ? [] : [pinsOfReference(site, upstream, true)];
  const elsewhere = await Promise.all([...own, ...references.map((reference) => pinsOfReference(site, reference))]);
  return [...here, ...elsewhere.flat()];
}

/** `origin/master`; undefined where the branch has none, or where the pins file is not the checkout's. */
async function upstreamOf({ root, deployFile }: Site): Promise<string | undefined> {
  if (isElsewhere(root, deployFile)) return undefined;
  const { stdout: branch } = await run(root, ["symbolic-ref", "--quiet", "HEAD"]);
  if (!branch) return undefined;
  // Not @{upstream}, which is an error also where there is one whose branch is gone.
  const { stdout } = await run(root, ["for-each-ref", "--format=%(upstream:short)", "--", branch.trim()]);
  return stdout?.trim() || undefined;
}

function isElsewhere(root: string, file: string): boolean {
  return relative(root, resolve(root, file)).startsWith("..");
}

async function pinsOfReference({ root, deployFile }: Site, reference: string, isUpstream = false): Promise<Use[]> {
  const file = isElsewhere(root, deployFile) ? "deploy.json" : relative(root, resolve(root, deployFile));
  const name = isUpstream ? `${reference}, the upstream of this checkout's branch` : `--keep-pins-of ${reference}`;
  const commit = await git(root, name, file, ["rev-parse", "--verify", "--end-of-options", `${reference}^{commit}`]);
  await refuseStale(root, reference, name, commit.trim());
  // A file that was never pushed pins nothing there.
  const listed = ["ls-tree", "--name-only", commit.trim(), "--", `./${file}`];
  if (isUpstream && (await git(root, name, file, listed)).trim() === "") return [];
  const text = await git(root, name, file, ["show", "--end-of-options", `${commit.trim()}:./${file}`]);
  const { environments } = parseJson(text, `${reference}:${file}`, AnyDeployFile);
  return Object.entries(environments).flatMap(([environment, pins]) =>
    Object.entries(pins).flatMap(([service, pin]) =>
      usesOfPin(service, environment, pin, `pinned in ${environment} of ${reference}`),
    ),
  );
}

/** By tag and by digest: a tag that was moved does not take the pinned content with it. */
function usesOfPin(
  service: string,
  environment: string,
  { commit, digest }: { readonly commit: string; readonly digest?: string | undefined },
  reason: string,
): Use[] {
  const consumer = findService(service)?.consumers[environment as Environment];
  const place = isConsumer(consumer) ? { place: { service, environment, host: consumer.runtime.host } } : {};
  return [{ repository: repositoryName(service), commit, reason, ...place }, ...(digest ? [{ digest, reason }] : [])];
}

/** A remote's branch as this checkout fetched it last may lack pins that are merged by now. */
async function refuseStale(root: string, reference: string, name: string, commit: string): Promise<void> {
  const fullName = ["rev-parse", "--verify", "--symbolic-full-name", "--end-of-options", reference];
  const { stdout: ref } = await run(root, fullName);
  const { stdout: remotes } = await run(root, ["remote"]);
  const remote = remotes.split("\n").find((one) => one !== "" && ref.startsWith(`refs/remotes/${one}/`));
  if (remote === undefined) return;
  const branch = ref.trim().slice(`refs/remotes/${remote}/`.length);
  const answer = await run(root, ["ls-remote", remote, `refs/heads/${branch}`]);
  if (answer.exitCode !== 0) {
    const problem = {
      what: `${name}: ${remote} does not say what ${branch} is now, so nothing is pruned`,
      found: lastLine(answer),
      remedy: `restore the way to ${remote}: git ls-remote ${remote}`,
    };
    throw new InfraBlockedError(problem, [`git:${remote}`]);
  }
  const now = answer.stdout.slice(0, 40);
  if (now === commit) return;
  throw new UserError(
    {
      what: `${name}: this checkout has another commit of it than ${remote}, so nothing is pruned`,
      found: `${shortCommit(commit)} here, ${now ? shortCommit(now) : "no such branch"} there`,
      remedy: `git fetch --prune ${remote}, then the same command again`,
    },
    exitCodes.usage,
  );
}

function run(root: string, args: readonly string[]) {
  const env = { GIT_TERMINAL_PROMPT: "0" };
  return execa("git", ["-C", root, ...args], { env, reject: false, stripFinalNewline: false, timeout: 30_000 });
}

function lastLine({ stderr, shortMessage }: Awaited<ReturnType<typeof run>>): string {
  return stderr?.trim().split("\n").at(-1) || (shortMessage ?? "git gave no answer");
}

async function git(root: string, name: string, file: string, args: readonly string[]): Promise<string> {
  const result = await run(root, args);
  if (result.exitCode === 0) return result.stdout;
  throw new UserError(
    {
      what: `${name}: its ${file} cannot be read, so nothing is pruned`,
      found: lastLine(result),
      allowed: "a branch, tag or commit of this checkout's repository that has the file",
      remedy: "git fetch, and correct the name; or go to a branch whose upstream is there",
    },
    exitCodes.usage,
  );
}
