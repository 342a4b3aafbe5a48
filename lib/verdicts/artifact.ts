import type { Artifact } from "../registry/client.ts";
import { judgeImageLabels } from "./image-labels.ts";
import { expectEqual, type Verdict, verdictOf } from "./verdict.ts";

export interface WantedArtifact {
  readonly service: string;
  /** Repository name in the registry: `unidesk/frontend`. */
  readonly repository: string;
  readonly commit: string;
  /** The pin's digest, where it has one. */
  readonly digest?: string;
}

/** A pin is deployable when the registry has its commit tag, with the pinned digest and the right labels. */
export function judgeArtifact(wanted: WantedArtifact, artifact: Artifact | undefined, registry: string): Verdict {
  const where = `${registry}/${wanted.repository}:${wanted.commit}`;
  if (!artifact) {
    return verdictOf([{ what: "artifact", expected: "a manifest under the commit tag", found: "none", where }]);
  }
  return verdictOf([
    wanted.digest ? expectEqual("manifest digest", wanted.digest, artifact.digest, where) : undefined,
    ...judgeImageLabels(wanted, artifact.labels, where).reasons,
  ]);
}
