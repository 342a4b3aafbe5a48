import type { Commit, Digest } from "../config/values.ts";
import { isEntryOf, type Place, type PlacedEntry } from "./collect.ts";

/** A commit that was deployed and held. */
export interface HealthyDeployment {
  readonly commit: Commit;
  /** Newest one that the history has of it. */
  readonly digest: Digest | undefined;
  /** When it was deployed last; UTC, RFC 3339. */
  readonly finishedAt: string;
}

type Outcome = Pick<PlacedEntry, "commit" | "digest" | "finishedAt" | "result">;

/** Results that say a deployment of the commit did not hold; the others say nothing of it. */
const failures: ReadonlySet<string> = new Set(["restored", "removed", "restore-failed"]);

/**
 * The healthy commits that follow from these outcomes, both oldest first. A commit that was deployed again undoes what
 * came between: a rollback from A to B takes A out, so that the next one goes on to the commit before B instead of back
 * to A. A commit that failed at its last deployment is not healthy.
 */
export function healthyLineage(outcomes: readonly Outcome[]): HealthyDeployment[] {
  const failed = new Set<string>();
  let lineage: HealthyDeployment[] = [];
  for (const { commit, digest, finishedAt, result } of outcomes) {
    if (failures.has(result)) failed.add(commit);
    if (result !== "deployed") continue;
    failed.delete(commit);
    const before = lineage.findIndex((one) => one.commit === commit);
    const known = digest ?? lineage[before]?.digest;
    lineage = [
      ...(before < 0 ? lineage : lineage.slice(0, before)),
      { commit, digest: known ?? undefined, finishedAt },
    ];
  }
  return lineage.filter(({ commit }) => !failed.has(commit));
}

/**
 * What `pin rollback` goes back to from a pinned commit, by a history that is newest first: the healthy commit before
 * it; the newest where the pinned one never held, because that is what runs.
 *
 * @param when `applied`: once an apply of the pinned commit has held, which is what a plan has to name.
 */
export function previousHealthy(
  history: readonly PlacedEntry[],
  place: Place,
  pinned: Commit,
  when: "now" | "applied" = "now",
): HealthyDeployment | undefined {
  const outcomes: Outcome[] = history.filter((entry) => isEntryOf(place, entry)).reverse();
  if (when === "applied") outcomes.push({ commit: pinned, result: "deployed", finishedAt: "" });
  const lineage = healthyLineage(outcomes);
  const at = lineage.findIndex(({ commit }) => commit === pinned);
  return at < 0 ? lineage.at(-1) : lineage[at - 1];
}
