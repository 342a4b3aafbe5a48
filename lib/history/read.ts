import type { Connection, HostName } from "../config/hosts.ts";
import { InfraBlockedError, UserError } from "../errors.ts";
import { hostPaths } from "../host-paths.ts";
import { shellCommand, shellQuote } from "../ssh/quote.ts";
import { mustRun } from "../ssh/script.ts";
import { type CollectedHistory, collectEntries, newestFirst, type Place, type PlacedEntry } from "./collect.ts";

/** Of each service and environment so much is read: one that is deployed often does not push out the others. */
const bounds = { entries: 200, bytes: 131_072 } as const;

/** Prints the newest lines of each environment, oldest first, and `@cut <service> <environment>` where there are older ones. */
const newestOfEach = `
  $0 == "" { next }
  {
    at = "other"
    if ($0 ~ /"stack": ?"unidesk-(prod-|supervised-[^"]*-prod")/) at = "prod"
    if ($0 ~ /"stack": ?"unidesk-(dev-|supervised-[^"]*-dev")/) at = "dev"
    kept[at, count[at]++ % ${bounds.entries}] = $0
  }
  END {
    for (at in count) {
      first = count[at]
      left = ${bounds.bytes}
      while (first > 0 && count[at] - first < ${bounds.entries}) {
        left -= length(kept[at, (first - 1) % ${bounds.entries}]) + 1
        if (left < 0) break
        first--
      }
      if (first > 0) print "@cut " service " " at
      for (line = first; line < count[at]; line++) print kept[at, line % ${bounds.entries}]
    }
  }
`;

/**
 * Reads the histories of the services that its arguments name, or of all. Bounded in files, lines and bytes, so that no
 * host can fill the runner. What is there and cannot be read fails: it would look like a past in which nothing was
 * deployed.
 */
export function historyScript(host: Connection): string {
  const folder = shellCommand([hostPaths(host).history]);
  return `
set -u
export LC_ALL=C
for service in "$@"; do
  [[ $service =~ ^[a-z0-9]+(-[a-z0-9]+)*$ ]] || { echo "this is no service: $service" >&2; exit 2; }
done
folder=${folder}
[ -e "$folder" ] || exit 0
cd "$folder" 2>/dev/null || { echo "$folder cannot be read" >&2; exit 1; }
set -- "${"$"}{@/%/.jsonl}"
[ $# -gt 0 ] || set -- *.jsonl
for file in "${"$"}{@:1:100}"; do
  [ -f "$file" ] || continue
  [ -r "$file" ] || { echo "$folder cannot be read: $file" >&2; exit 1; }
  awk -v service="${"$"}{file%.jsonl}" ${shellQuote(newestOfEach)} < "$file" || { echo "$folder cannot be read: $file" >&2; exit 1; }
done
`;
}

export interface SiteHistory {
  /** Newest first. */
  readonly entries: readonly PlacedEntry[];
  readonly warnings: readonly string[];
  /** Channels to the hosts that gave no answer. */
  readonly missingChannels: readonly string[];
  /** At least one host answered. */
  readonly answered: boolean;
  /** Newest first; absent where the host gave no answer: what it deployed is not known then. */
  readonly byHost: ReadonlyMap<HostName, readonly PlacedEntry[]>;
  /** Places of which older entries were not read; the environment is `other` where lines say none. */
  readonly cut: readonly Place[];
  /** Lines that are no history entries, as a host has them: not to be printed. */
  readonly unread: readonly { readonly host: HostName; readonly line: string }[];
}

/** The history of one service, or of all, on every host; one command a host. */
export async function readHistory(hosts: readonly Connection[], service?: string): Promise<SiteHistory> {
  const results = await Promise.all(hosts.map((host) => readHost(host, service)));
  return {
    entries: newestFirst(results.flatMap(({ entries }) => entries)),
    warnings: results.flatMap(({ warnings }) => warnings),
    missingChannels: results.flatMap(({ missingChannels }) => missingChannels),
    answered: results.some(({ answered }) => answered),
    byHost: new Map(results.flatMap(({ byHost }) => [...byHost])),
    cut: results.flatMap(({ cut }) => cut),
    unread: results.flatMap(({ unread }) => unread),
  };
}

async function readHost(host: Connection, service: string | undefined): Promise<SiteHistory> {
  const { history } = hostPaths(host);
  let collected: CollectedHistory;
  let cut: Place[];
  try {
    const args = service ? [service] : [];
    const text = await mustRun(host, `read ${history}`, historyScript(host), args, { timeoutSeconds: 30 });
    const lines = text.split("\n");
    cut = lines.flatMap((line) => {
      const [, service, environment] = /^@cut (\S+) (prod|dev|other)$/.exec(line) ?? [];
      return service && environment ? [{ service, environment, host: host.name }] : [];
    });
    collected = collectEntries(
      host.name,
      lines.filter((line) => !line.startsWith("@cut ")),
    );
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const blocked = error instanceof InfraBlockedError;
    return {
      entries: [],
      warnings: [`${blocked ? "infra-blocked: " : ""}${error.message}`],
      missingChannels: blocked ? error.missingChannels : [],
      answered: false,
      byHost: new Map(),
      cut: [],
      unread: [],
    };
  }
  const { entries, unread } = collected;
  const warning = `${host.name}: ${unread.length} line(s) in ${history} are no history entries and were passed over`;
  return {
    entries,
    warnings: unread.length > 0 ? [warning] : [],
    missingChannels: [],
    answered: true,
    byHost: new Map([[host.name, entries]]),
    cut,
    unread: unread.map((line) => ({ host: host.name, line })),
  };
}
