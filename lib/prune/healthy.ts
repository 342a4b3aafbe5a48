import { repositoryName } from "../config/ci-file.ts";
import { Commit } from "../config/values.ts";
import { UserError } from "../errors.ts";
import {
  environmentOfStack,
  isEntryOf,
  isSamePlace,
  newestFirst,
  type Place,
  type PlacedEntry,
} from "../history/collect.ts";
import { healthyLineage, previousHealthy } from "../history/previous.ts";
import type { SiteHistory } from "../history/read.ts";
import { printable } from "../printable.ts";
import type { Use } from "./decide.ts";
import { usesInText } from "./live.ts";

/**
 * What a rollback may ask for, by the rule that `pin rollback` has: of each service, environment and host the newest
 * `keep` healthy commits, what answers again after a failed deployment, and what a rollback from each commit that is
 * pinned or runs there goes back to.
 */
export function healthyUses(entries: readonly PlacedEntry[], keep: number, uses: readonly Use[] = []): Use[] {
  const history = newestFirst(entries);
  const byPlace = new Map<string, PlacedEntry[]>();
  for (const entry of history) {
    const key = `${entry.service} ${environmentOfStack(entry.stack)} ${entry.host}`;
    byPlace.set(key, [...(byPlace.get(key) ?? []), entry]);
  }
  return [...[...byPlace.values()].flatMap((ofPlace) => keptOf(ofPlace, keep)), ...rollbackUses(history, uses)];
}

/** Places whose entries were read in part, where that part does not say all that stays. */
export function cutShort(
  entries: readonly PlacedEntry[],
  cut: readonly Place[],
  keep: number,
  uses: readonly Use[],
): Place[] {
  const history = newestFirst(entries);
  return cut.filter((place) => {
    const ofPlace = history.filter((entry) => isEntryOf(place, entry));
    const goesBack = (commit: string) => previousHealthy(history, place, Commit.parse(commit)) !== undefined;
    return (
      healthyLineage([...ofPlace].reverse()).length < Math.max(keep, 1) ||
      uses.some((use) => use.commit && use.place && isSamePlace(use.place, place) && !goesBack(use.commit))
    );
  });
}

/** Nobody knows how a deployment ended whose line cannot be read, so that whatever it names stays. */
export function unreadUses(lines: SiteHistory["unread"]): Use[] {
  return lines.flatMap(({ host, line }) => {
    const uses = usesInText(line, `in a history line of ${host} that cannot be read`);
    if (uses.some(({ commit }) => commit)) return uses;
    throw new UserError({
      what: "a line of the history is no entry and names no commit, so nothing is pruned: unknown is not unused",
      found: `${host}: ${printable(line, 100)}`,
      remedy: `correct that line below ~/.unidesk/deploy-history on ${host}, or take it out`,
    });
  });
}

/** @param ofPlace Newest first. */
function keptOf(ofPlace: readonly PlacedEntry[], keep: number): Use[] {
  const [newest] = ofPlace;
  if (!newest || keep === 0) return [];
  const repository = repositoryName(newest.service);
  const reason = `one of the last ${keep} healthy in ${environmentOfStack(newest.stack) ?? "an unknown environment"}`;
  const healthy = healthyLineage([...ofPlace].reverse())
    .slice(-keep)
    .reverse();
  const answering = newest.result === "restored" ? newest.previousCommit : undefined;
  return [
    ...healthy.flatMap((one) => usesOf(repository, one, reason)),
    ...(answering ? [{ repository, commit: answering, reason }] : []),
  ];
}

/** From a commit as it is there now, and once an apply of it has held. */
function rollbackUses(history: readonly PlacedEntry[], uses: readonly Use[]): Use[] {
  return uses.flatMap(({ place, commit }) => {
    if (!place || !commit) return [];
    const { service, environment } = place;
    const reason = `pin rollback goes back to it in ${environment}`;
    return (["now", "applied"] as const).flatMap((when) => {
      const previous = previousHealthy(history, place, Commit.parse(commit), when);
      return previous ? usesOf(repositoryName(service), previous, reason) : [];
    });
  });
}

function usesOf(
  repository: string,
  { commit, digest }: { readonly commit: string; readonly digest?: string | undefined },
  reason: string,
): Use[] {
  return [{ repository, commit, reason }, ...(digest ? [{ digest, reason }] : [])];
}
