import { repositoryName } from "../config/ci-file.ts";
import type { Commit } from "../config/values.ts";
import type { Artifact } from "../registry/client.ts";
import type { NewestOfLines } from "../source/newest.ts";
import type { CommitFacts } from "../source/read.ts";
import { judgeArtifact } from "../verdicts/artifact.ts";
import { renderReasons } from "../verdicts/verdict.ts";

/** Newest commit of a release line that the registry has. */
export interface NewestPublished {
  /** "none": nothing of a release line is published; "unknown": registry or source repository gave no answer. */
  readonly state: "known" | "none" | "unknown";
  readonly commit: Commit | null;
  readonly releaseLine: string | null;
}

/** Whether a pin may have it, as `pin set` judges its image. */
export interface JudgedNewest extends NewestPublished {
  /** Null where there is none, or where its image could not be looked at. */
  readonly deployable: boolean | null;
  /** Why a pin may not have it. */
  readonly refusals: readonly string[];
}

/** Of the newest published commit: what the registry has under its tag, or why that cannot be read. */
export type NewestImage = { readonly artifact: Artifact | undefined } | { readonly problem: string };

export function judgeNewest(
  service: string,
  newest: NewestPublished,
  image: NewestImage | undefined,
  registry: string,
): JudgedNewest {
  if (!newest.commit || !image) return { ...newest, deployable: null, refusals: [] };
  if ("problem" in image) return { ...newest, deployable: false, refusals: [image.problem] };
  const wanted = { service, repository: repositoryName(service), commit: newest.commit };
  const { ok, reasons } = judgeArtifact(wanted, image.artifact, registry);
  return { ...newest, deployable: ok, refusals: reasons.map((reason) => renderReasons(service, [reason])) };
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
