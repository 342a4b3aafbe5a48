import { randomBytes } from "node:crypto";
import type { Approval } from "../approval/request.ts";
import { stepApproval } from "../approval/source.ts";
import { requireApproval } from "../approval/verify.ts";
import type { Consumer, Runtime } from "../catalog/index.ts";
import type { Connection } from "../config/hosts.ts";
import type { Site } from "../config/site.ts";
import type { Commit, Environment } from "../config/values.ts";
import { UserError } from "../errors.ts";
import type { HistoryEntry } from "../history/entry.ts";
import { operatorOf } from "../history/operator.ts";
import { receiptPath } from "../receipts.ts";
import { lastLines } from "../ssh/run.ts";
import { stackName } from "../stack-names.ts";
import { isoSeconds } from "../verdicts/approval.ts";

/** In the history, of something whose image says no commit: Git's null object name. */
export const noCommit = "0".repeat(40) as Commit;

/** What a person asked for. */
export interface RetireRequest<R extends Runtime = Runtime> {
  readonly site: Site;
  readonly service: string;
  readonly environment: Environment;
  readonly consumer: Consumer<R>;
  say(line: string): void;
}

/** What was stopped and is gone. */
export type Retired = {
  /** Undefined where its image says none. */
  readonly commit: Commit | undefined;
  /** Who approved it, where that was needed. */
  readonly signer?: string;
} & (
  | { readonly container: string }
  | { readonly namespace: string; readonly deployments: readonly string[]; readonly services: readonly string[] }
);

/** The history line but for its end, which the host writes when it is done. */
export function historyLine(
  { service, environment, consumer }: RetireRequest,
  entry: Pick<HistoryEntry, "commit" | "reason" | "approval">,
): Omit<HistoryEntry, "finishedAt"> {
  return {
    id: `retire-${randomBytes(4).toString("hex")}`,
    service,
    stack: stackName(service, environment, consumer),
    startedAt: isoSeconds(Date.now()),
    result: "retired",
    operator: operatorOf(process.env),
    fingerprint: "-",
    ...entry,
  };
}

/** Receipts of a service's steps. A service that is supervised now may have been in its host's stack before. */
export function receiptsOf(
  { service, environment, consumer }: RetireRequest,
  host: Connection,
  parts: readonly string[],
): string[] {
  const stacks = new Set([stackName(service, environment, consumer), `unidesk-${environment}-${host.name}`]);
  return [...stacks].flatMap((stack) => parts.map((part) => receiptPath(host, `${stack}/${service}-${part}`)));
}

/** What is approved is the stop of exactly what runs; `found` is what stands where a commit should. */
export async function approvalFor(
  { site, service, environment }: RetireRequest,
  live: Commit | undefined,
  place: string,
  found: string,
): Promise<Approval> {
  if (live) return requireApproval(stepApproval(site, { service, environment, commit: live }));
  throw new UserError({
    what: `nothing was stopped: ${service} is supervised, and the image of its container says no commit that could be approved`,
    found: found || "no label",
    remedy: `look at ${place} by hand`,
  });
}

/** A script's last words, with its remedy apart. */
export function refusal(host: string, service: string, exitCode: number, stderr: string): UserError {
  const lines = stderr.trim().split("\n");
  const remedy = lines.at(-1)?.startsWith("remedy: ") ? lines.pop()?.slice("remedy: ".length) : undefined;
  return new UserError({
    what: `${host}: could not retire ${service} (exit ${exitCode})`,
    found: lastLines(lines.join("\n"), 3) || "no output on standard error",
    ...(remedy ? { remedy } : {}),
  });
}
