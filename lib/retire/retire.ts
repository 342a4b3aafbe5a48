import { randomBytes } from "node:crypto";
import { stepApproval } from "../approval/source.ts";
import { requireApproval } from "../approval/verify.ts";
import type { Consumer } from "../catalog/index.ts";
import { targetOf } from "../compose/target.ts";
import type { Site } from "../config/site.ts";
import { Commit, type Environment } from "../config/values.ts";
import { UserError } from "../errors.ts";
import type { HistoryEntry } from "../history/entry.ts";
import { operatorOf } from "../history/operator.ts";
import { hostPaths } from "../host-paths.ts";
import { receiptPath } from "../receipts.ts";
import { lastLines, runScript } from "../ssh/run.ts";
import { mustRun } from "../ssh/script.ts";
import { stackName } from "../stack-names.ts";
import { runIdOf } from "../steps/run-id.ts";
import { isoSeconds } from "../verdicts/approval.ts";
import { lookScript, retireScript } from "./scripts.ts";

/** In the history, of a container whose image says no commit: Git's null object name. */
const noCommit = "0".repeat(40);

export interface Retired {
  readonly container: string;
  /** Undefined where its image says none. */
  readonly commit: string | undefined;
  /** Who approved it, where that was needed. */
  readonly signer?: string;
}

/** Stops a service that nothing pins any more; undefined where nothing of it was there. */
export async function retire(
  site: Site,
  service: string,
  environment: Environment,
  consumer: Consumer,
  say: (line: string) => void = () => {},
): Promise<Retired | undefined> {
  const target = targetOf(site, consumer.runtime);
  const host = site.connections[target.host];
  const look = [target.container, target.project, target.composeService];
  const seen = (await mustRun(host, `look at ${target.container}`, lookScript, look)).split("\n");
  const [id = "", label = ""] = seen;
  const commit = Commit.safeParse(label).data;
  const approval = consumer.supervised && id !== "" ? await approvalFor(commit) : undefined;
  const stack = stackName(service, environment, consumer);
  const line: Omit<HistoryEntry, "finishedAt"> = {
    id: `retire-${randomBytes(4).toString("hex")}`,
    service,
    stack,
    commit: commit ?? (noCommit as Commit),
    startedAt: isoSeconds(Date.now()),
    result: "retired",
    operator: operatorOf(process.env),
    fingerprint: "-",
    ...(approval ? { approval } : {}),
  };
  const paths = hostPaths(host);
  // A service that is supervised now may have been in its host's stack before.
  const receipts = [...new Set([stack, `unidesk-${environment}-${target.host}`])].flatMap((name) =>
    ["delivery", "deployment"].map((part) => receiptPath(host, `${name}/${service}-${part}`)),
  );
  const { exitCode, stderr } = await runScript(
    host,
    retireScript,
    [
      runIdOf(),
      line.operator,
      service,
      line.commit,
      target.container,
      id,
      target.project,
      target.root,
      target.file,
      "path" in target.envFile ? target.envFile.path : "",
      "path" in target.envFile ? "" : target.envFile.configJson,
      target.composeService,
      `${paths.locks}/compose-${target.project}`,
      `${paths.deployJobs}/${target.project}/${target.composeService}`,
      `${paths.history}/${service}.jsonl`,
      JSON.stringify(line).slice(0, -1),
      ...receipts,
    ],
    { timeoutSeconds: 500, onProgress: say },
  );
  if (exitCode !== 0) throw refusal(host.name, service, exitCode, stderr);
  if (id === "") return undefined;
  return { container: target.container, commit, ...(approval ? { signer: approval.signer } : {}) };

  /** What is approved is the stop of exactly what runs. */
  async function approvalFor(live: Commit | undefined) {
    if (live) return requireApproval(stepApproval(site, { service, environment, commit: live }));
    throw new UserError({
      what: `nothing was stopped: ${service} is supervised, and the image of its container says no commit that could be approved`,
      found: label || "no label",
      remedy: `look at the container ${target.container} on ${target.host} by hand`,
    });
  }
}

/** The script's last words, with its remedy apart. */
function refusal(host: string, service: string, exitCode: number, stderr: string): UserError {
  const lines = stderr.trim().split("\n");
  const remedy = lines.at(-1)?.startsWith("remedy: ") ? lines.pop()?.slice("remedy: ".length) : undefined;
  return new UserError({
    what: `${host}: could not retire ${service} (exit ${exitCode})`,
    found: lastLines(lines.join("\n"), 3) || "no output on standard error",
    ...(remedy ? { remedy } : {}),
  });
}
