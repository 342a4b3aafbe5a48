import { type BuildArtifact, mirrorTag, type UpstreamArtifact } from "../config/ci-file.ts";
import type { Pin } from "../config/deploy-file.ts";
import { Commit } from "../config/values.ts";
import { judgeImageLabels } from "../verdicts/image-labels.ts";
import { expectEqual, type Reason, type Verdict, verdictOf } from "../verdicts/verdict.ts";

/** A pin that names a tag. */
export interface PinUse {
  readonly environment: string;
  /** Digest that the pin asks for, where it does. */
  readonly digest: string | null;
}

/** The pins that name a service's commit; an upstream image has none. */
export function usesOf(pins: readonly Pin[], service: string, tag: string): PinUse[] {
  return pins
    .filter((pin) => pin.service === service && pin.commit === tag)
    .map(({ environment, digest }) => ({ environment, digest: digest ?? null }));
}

export function isCommitTag(tag: string): boolean {
  return Commit.safeParse(tag).success;
}

/** What speaks against an image under a tag: for a build its labels, for a mirror its digest, for both its name. */
export function judgeTag(
  entry: BuildArtifact | UpstreamArtifact | undefined,
  tag: string,
  image: { readonly digest: string; readonly labels: Readonly<Record<string, string>> },
  uses: readonly PinUse[],
  where: string,
): Verdict {
  if (entry?.kind === "upstream-image") {
    return verdictOf([
      expectEqual("tag", mirrorTag(entry), tag, where),
      expectEqual("mirror's digest", entry.digest, image.digest, where),
    ]);
  }
  if (!entry)
    return verdictOf([{ what: "entry of CI.json", expected: "one for this repository", found: "none", where }]);
  const pinned = uses.map(({ environment, digest }) =>
    digest === null ? undefined : expectEqual(`digest of the pin in ${environment}`, digest, image.digest, where),
  );
  return verdictOf([...tagReasons(tag, image.labels, entry, where), ...pinned]);
}

function tagReasons(
  tag: string,
  labels: Readonly<Record<string, string>>,
  { serviceId }: BuildArtifact,
  where: string,
): readonly Reason[] {
  if (!isCommitTag(tag))
    return [{ what: "tag", expected: "a full commit; any other is not deployable", found: tag, where }];
  return judgeImageLabels({ service: serviceId, commit: tag }, labels, where).reasons;
}
