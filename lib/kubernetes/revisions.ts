/** One ReplicaSet of a Deployment. */
export interface Revision {
  /** Name of the ReplicaSet: its number is another one once it was gone back to. */
  readonly name: string;
  readonly revision: number;
  /** Image of its first container. */
  readonly image: string;
  /** Pods of it that answer. */
  readonly ready: number;
  /** The commit that its pods are asked to be; empty where that is not said. */
  readonly commit: string;
}

/** Where a failed rollout goes back to: a revision, no pods at all, or nowhere. */
export type WayBack = { readonly revision: Revision } | "scale-to-zero" | "leave";

/** What is known of the commits. */
export interface KnownCommits {
  /** The one that failed now. */
  readonly failing: string;
  /** The last one that was verified. */
  readonly verified: string | undefined;
  /** Those that failed before. */
  readonly failed: ReadonlySet<string>;
  /** Workloads of which this run made the first pods: of any other one nobody knows that none was wanted before. */
  readonly created: ReadonlySet<string>;
}

/**
 * The last verified commit first, then what still answers, then the newest that is not known to fail. Where no
 * pod was wanted before, none is again; a commit that was verified before is left, because an older one is nobody's wish.
 */
export function wayBack(
  workload: string,
  revisions: readonly Revision[],
  { failing, verified, failed, created }: KnownCommits,
): WayBack {
  const [, ...earlier] = [...revisions].sort((left, right) => right.revision - left.revision);
  const answering = earlier.filter(({ ready }) => ready > 0);
  if (verified === failing) return found(answering) ?? "leave";
  const good = earlier.filter(({ commit }) => commit === verified);
  const other = earlier.filter(({ commit }) => commit !== failing && !failed.has(commit));
  const way = found(good.filter(({ ready }) => ready > 0)) ?? found(good) ?? found(answering) ?? found(other);
  return way ?? (verified === undefined && created.has(workload) ? "scale-to-zero" : "leave");
}

function found([revision]: readonly Revision[]): WayBack | undefined {
  return revision && { revision };
}
