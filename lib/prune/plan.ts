import { repositoryName } from "../config/ci-file.ts";
import type { HostName } from "../config/hosts.ts";
import type { Site } from "../config/site.ts";
import { InfraBlockedError, UserError } from "../errors.ts";
import type { Place } from "../history/collect.ts";
import { readHistory } from "../history/read.ts";
import { hostPaths } from "../host-paths.ts";
import { type FreedBytes, freedBytes } from "./bytes.ts";
import { decide, type PruneDecision, type Use } from "./decide.ts";
import { cutShort, healthyUses, unreadUses } from "./healthy.ts";
import { liveUses } from "./live.ts";
import { otherUses } from "./others.ts";
import { pinnedUses } from "./pins.ts";
import { type RegistryStorage, readStorage } from "./storage.ts";

export interface PruneRequest {
  /** How many healthy commits of each service and environment stay; what a rollback goes back to stays anyway. */
  readonly keep: number;
  /** What is younger stays, in hours. */
  readonly minAgeHours: number;
  /** Git references whose pins stay too. */
  readonly references: readonly string[];
}

export interface PrunePlan extends PruneDecision {
  readonly storage: RegistryStorage;
  readonly freed: FreedBytes;
  readonly warnings: readonly string[];
}

/** Looks everywhere and decides; changes nothing. What cannot be looked at blocks: unknown is not unused. */
export async function planPrune(site: Site, request: PruneRequest, say: (line: string) => void): Promise<PrunePlan> {
  const pinned = await pinnedUses(site, request.references);
  say("looking at the registry's storage, at what runs and at the history");
  // The storage before the rest: what is pushed and deployed meanwhile is not in it, and so does not go.
  const storage = await readStorage(site.connections.d601, site.registry);
  const [live, others, history] = await Promise.all([liveUses(site), otherUses(site), readAllHistory(site)]);
  const needed: Use[] = [...pinned, ...live, ...others, ...unreadUses(history.unread)];
  refuseCut(site, cutShort(history.entries, history.cut, request.keep, needed));
  const uses = [...needed, ...healthyUses(history.entries, request.keep, needed)];
  const builds = site.ci.artifacts.filter(({ kind }) => kind === "build");
  const decision = decide(storage, {
    uses,
    prunable: new Set(builds.map(({ serviceId }) => repositoryName(serviceId))),
    youngerThan: storage.lookedAt - request.minAgeHours * 3_600_000,
  });
  return { ...decision, storage, freed: freedBytes(storage, decision.manifests), warnings: history.warnings };
}

async function readAllHistory({ connections }: Site) {
  const histories = await Promise.all(Object.values(connections).map((host) => readHistory([host])));
  const unread = histories.filter(({ answered }) => !answered);
  if (unread.length > 0) {
    throw new InfraBlockedError(
      {
        what: "the history could not be read on every host, so nothing is pruned: unknown is not unused",
        found: unread.flatMap(({ warnings }) => warnings).join("\n"),
        remedy: "npx unidesk history",
      },
      unread.flatMap(({ missingChannels }) => missingChannels),
    );
  }
  return {
    entries: histories.flatMap(({ entries }) => entries),
    cut: histories.flatMap(({ cut }) => cut),
    unread: histories.flatMap(({ unread }) => unread),
    warnings: histories.flatMap(({ warnings }) => warnings),
  };
}

function refuseCut({ connections }: Site, [place]: readonly Place[]): void {
  if (!place) return;
  const { service, environment, host } = place;
  const file = `${hostPaths(connections[host as HostName]).history}/${service}.jsonl`;
  throw new UserError({
    what: "the history is longer than what is read of it, and that does not say all that a rollback may ask for; nothing is pruned",
    found: `${service} in ${environment} on ${host}: too few healthy commits in its newest entries`,
    remedy: `a smaller --keep; or take entries of repeated deployments out of ${host}:${file}`,
  });
}
