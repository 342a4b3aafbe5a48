import type { Commit } from "../config/values.ts";
import type { NewestOfLines } from "../source/newest.ts";
import type { CommitFacts } from "../source/read.ts";

/** Newest commit of a release line that the registry has. */
export interface NewestPublished {
  /** "none": nothing of a release line is published; "unknown": registry or source repository gave no answer. */
  readonly state: "known" | "none" | "unknown";
  readonly commit: Commit | null;
  readonly releaseLine: string | null;
}

/**
 * The published commit that is nearest to the head of a release line: of the pin's own line where it is on one, else of
 * the first line that anything published is on.
 */
export function newestPublished(
  newest: NewestOfLines | undefined,
  releaseLines: readonly string[],
  pinned: CommitFacts | undefined,
): NewestPublished {
  const nothing = (state: "none" | "unknown") => ({ state, commit: null, releaseLine: null });
  const own = pinned?.releaseLines[0];
  for (const line of own ? [own] : releaseLines) {
    // One that could not be asked may have it.
    if (!newest?.has(line)) return nothing("unknown");
    const commit = newest.get(line);
    if (commit) return { state: "known", commit, releaseLine: line };
  }
  return nothing("none");
}
