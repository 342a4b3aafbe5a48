import type { Connection } from "../config/hosts.ts";
import { historyFunctions } from "../history/append.ts";
import { HistoryEntry } from "../history/entry.ts";
import { type HistoryContext, type HistorySubject, historyFields, stackOf } from "../history/fields.ts";
import { hostPaths } from "../host-paths.ts";
import { mustRun } from "../ssh/script.ts";

/** The newest lines are enough: what a cluster could go back to is not older. */
const readScript = `
[ ! -f "$1" ] || grep -F "\\"stack\\":\\"$2\\"" "$1" | tail -n 200
`;

export interface PastRollouts {
  /** The last one that was verified. */
  readonly verified: HistoryEntry | undefined;
  /** Commits that failed when they were rolled out last. */
  readonly failed: ReadonlySet<string>;
}

/** What this stack's history says of a service. */
export async function pastRollouts(host: Connection, service: string, context: HistoryContext): Promise<PastRollouts> {
  const args = [historyFile(host, service), stackOf(context)];
  const text = await mustRun(host, `read the history of ${service}`, readScript, args);
  const entries = text.split("\n").flatMap((line) => parse(line) ?? []);
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
append_history "$1" "{$2,$times,\\"previousCommit\\":$(json_text "$4"),\\"downtimeSeconds\\":null,\\"result\\":\\"$5\\",\\"reason\\":$(json_text "$6")}"
`;

export interface RolloutEnd {
  readonly result: HistoryEntry["result"];
  /** Why it did not end as `deployed`. */
  readonly reason?: string;
  readonly previousCommit?: string | undefined;
  readonly seconds: number;
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
  ];
  await mustRun(host, `write the history of ${service}`, appendScript, args);
}

function historyFile(host: Connection, service: string): string {
  return `${hostPaths(host).history}/${service}.jsonl`;
}
