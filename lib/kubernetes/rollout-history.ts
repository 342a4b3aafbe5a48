import type { Connection } from "../config/hosts.ts";
import { historyFunctions } from "../history/append.ts";
import { environmentOfStack } from "../history/collect.ts";
import { HistoryEntry } from "../history/entry.ts";
import { type HistoryContext, type HistorySubject, historyFields, stackOf } from "../history/fields.ts";
import { hostPaths } from "../host-paths.ts";
import { mustRun } from "../ssh/script.ts";

/** The newest lines are enough: what a cluster could go back to is not older. */
const readScript = `
[ ! -f "$1" ] || tail -n 400 "$1"
`;

export interface PastRollouts {
  /** The last one that was verified. */
  readonly verified: HistoryEntry | undefined;
  /** Commits that failed when they were rolled out last. */
  readonly failed: ReadonlySet<string>;
}

/** What the history says of a service in the namespace of this stack. */
export async function pastRollouts(host: Connection, service: string, context: HistoryContext): Promise<PastRollouts> {
  const text = await mustRun(host, `read the history of ${service}`, readScript, [historyFile(host, service)]);
  const entries = text.split("\n").flatMap((line) => parse(line) ?? []);
  return judgePast(entries.filter(({ stack }) => isSamePlace(stack, stackOf(context))));
}

/** A service has one namespace in each environment; the stack is another one once it is supervised, or is no more. */
export function isSamePlace(one: string, other: string): boolean {
  const environment = environmentOfStack(one);
  return one === other || (environment !== undefined && environment === environmentOfStack(other));
}

/** Of what was superseded nobody knows whether it would have come; what was before a retirement is gone. */
export function judgePast(all: readonly HistoryEntry[]): PastRollouts {
  const since = all.slice(all.findLastIndex(({ result }) => result === "retired") + 1);
  const entries = since.filter(({ result }) => result !== "superseded");
  const last = new Map(entries.map(({ commit, result }) => [commit, result]));
  return {
    verified: entries.findLast(({ result }) => result === "deployed"),
    failed: new Set([...last].filter(([, result]) => result !== "deployed").map(([commit]) => commit)),
  };
}

/** A line that cannot be read proves nothing. */
function parse(line: string): HistoryEntry | undefined {
  try {
    return HistoryEntry.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

const appendScript = `
set -eu
export LC_ALL=C
${historyFunctions}
now=$(date +%s)
times="\\"startedAt\\":\\"$(date -u -d "@$((now - $3))" +%FT%TZ)\\",\\"finishedAt\\":\\"$(date -u -d "@$now" +%FT%TZ)\\""
append_history "$1" "{$2,$times,\\"previousCommit\\":$(json_text "$4"),\\"downtimeSeconds\\":$7,\\"result\\":\\"$5\\",\\"reason\\":$(json_text "$6")}"
`;

export interface RolloutEnd {
  readonly result: HistoryEntry["result"];
  /** Why it did not end as `deployed`. */
  readonly reason?: string;
  readonly previousCommit?: string | undefined;
  readonly seconds: number;
  /** How long nobody was answered; undefined where that is unknown. */
  readonly downtimeSeconds: number | undefined;
}

export async function appendRollout(
  host: Connection,
  subject: HistorySubject,
  end: RolloutEnd,
  context: HistoryContext,
): Promise<void> {
  const { service } = subject.spec.artifact;
  const args = [
    historyFile(host, service),
    historyFields(subject, context),
    String(Math.round(end.seconds)),
    end.previousCommit ?? "",
    end.result,
    end.reason ?? "",
    String(end.downtimeSeconds ?? null),
  ];
  await mustRun(host, `write the history of ${service}`, appendScript, args);
}

function historyFile(host: Connection, service: string): string {
  return `${hostPaths(host).history}/${service}.jsonl`;
}
