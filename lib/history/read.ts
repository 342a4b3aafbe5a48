import type { Connection } from "../config/hosts.ts";
import { InfraBlockedError, UserError } from "../errors.ts";
import { hostPaths } from "../host-paths.ts";
import { mustRun } from "../ssh/script.ts";
import { type CollectedHistory, collectEntries, newestFirst, type PlacedEntry } from "./collect.ts";

/** Bounded in files, lines and bytes, so that no host can fill the runner. */
const readScript = `
set -u
cd "$1" 2>/dev/null || exit 0
shift
[ $# -gt 0 ] || set -- *.jsonl
for file in "${"$"}{@:1:100}"; do
  [ -f "$file" ] || continue
  tail -c 131072 -- "$file" | tail -n 200
  echo
done
`;

export interface SiteHistory {
  /** Newest first. */
  readonly entries: readonly PlacedEntry[];
  readonly warnings: readonly string[];
  /** Channels to the hosts that gave no answer. */
  readonly missingChannels: readonly string[];
  /** At least one host answered. */
  readonly answered: boolean;
}

/** The history of one service, or of all, on every host; one command a host. */
export async function readHistory(hosts: readonly Connection[], service?: string): Promise<SiteHistory> {
  const results = await Promise.all(hosts.map((host) => readHost(host, service)));
  return {
    entries: newestFirst(results.flatMap(({ entries }) => entries)),
    warnings: results.flatMap(({ warnings }) => warnings),
    missingChannels: results.flatMap(({ missingChannels }) => missingChannels),
    answered: results.some(({ answered }) => answered),
  };
}

async function readHost(host: Connection, service: string | undefined): Promise<SiteHistory> {
  const { history } = hostPaths(host);
  let collected: CollectedHistory;
  try {
    const args = [history, ...(service ? [`${service}.jsonl`] : [])];
    const text = await mustRun(host, `read ${history}`, readScript, args, { timeoutSeconds: 30 });
    collected = collectEntries(host.name, text.split("\n"));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const blocked = error instanceof InfraBlockedError;
    return {
      entries: [],
      warnings: [`${blocked ? "infra-blocked: " : ""}${error.message}`],
      missingChannels: blocked ? error.missingChannels : [],
      answered: false,
    };
  }
  const { entries, skipped } = collected;
  const warning = `${host.name}: ${skipped} line(s) in ${history} are no history entries and were passed over`;
  return { entries, warnings: skipped > 0 ? [warning] : [], missingChannels: [], answered: true };
}
