import pLimit from "p-limit";
import { type BuildArtifact, repositoryOf, type UpstreamArtifact } from "../config/ci-file.ts";
import type { Pin } from "../config/deploy-file.ts";
import type { Site } from "../config/site.ts";
import { UserError } from "../errors.ts";
import { type Artifact, bytesOf, type RegistryClient } from "../registry/client.ts";
import type { Reason } from "../verdicts/verdict.ts";
import { isCommitTag, judgeTag, type PinUse, usesOf } from "./judge.ts";

/** Manifests that are read at a time over the one tunnel. */
const concurrentReads = 8;

/** One tag of the registry; the fields are a contract. */
export interface ListedTag {
  /** Of CI.json; for a repository without an entry its name. */
  readonly serviceId: string;
  readonly kind: "build" | "upstream-image" | "unknown";
  /** Name with the registry, without the tag. */
  readonly imageRef: string;
  readonly tag: string;
  /** Null where the manifest cannot be read. */
  readonly digest: string | null;
  /** Compressed size of manifests, configuration and layers; under an index, of the image for linux/amd64. */
  readonly bytes: number | null;
  readonly created: string | null;
  /** Whether a pin may name it: a commit tag of a build entry, whole and with its own labels. */
  readonly deployable: boolean;
  readonly verdict: { readonly ok: boolean; readonly reasons: readonly Reason[] };
  readonly pins: readonly PinUse[];
}

/** A repository of the registry, with CI.json's entry for it. */
export interface Repository {
  readonly name: string;
  readonly entry: BuildArtifact | UpstreamArtifact | undefined;
}

/** Every repository that the registry has, in CI.json's order; then those that CI.json does not name. */
export async function repositoriesOf(site: Site, registry: RegistryClient): Promise<Repository[]> {
  const there = new Set(await registry.repositories());
  const known = site.ci.artifacts.map((entry) => ({ name: repositoryOf(entry), entry }));
  const names = new Set(known.map(({ name }) => name));
  const foreign = [...there].filter((name) => !names.has(name)).sort();
  return [...known.filter(({ name }) => there.has(name)), ...foreign.map((name) => ({ name, entry: undefined }))];
}

/** Tags of repositories, newest first in each. A manifest that cannot be read is listed as such and stops nothing. */
export async function inventory(
  site: Site,
  registry: RegistryClient,
  repositories: readonly Repository[],
  pins: readonly Pin[],
): Promise<ListedTag[]> {
  const limit = pLimit(concurrentReads);
  const listed = await Promise.all(
    repositories.map(async (repository) => {
      const tags = await limit(() => registry.tags(repository.name));
      const entries = await Promise.all(
        tags.map((tag) =>
          limit(async () => describeTag(site, repository, tag, pins, await read(registry, repository, tag))),
        ),
      );
      return entries.sort((one, other) => (other.created ?? "").localeCompare(one.created ?? ""));
    }),
  );
  const all = listed.flat();
  // Of many that cannot be read one reason may be that nothing can: then there is no list.
  if (all.some(({ digest }) => digest === null)) await registry.ping();
  return all;
}

/** The artifact, or why there is none. */
async function read(registry: RegistryClient, { name }: Repository, tag: string): Promise<Artifact | string> {
  try {
    return (await registry.artifact(name, tag)) ?? "the manifest is gone";
  } catch (error) {
    if (error instanceof UserError) return error.problem.what;
    throw error;
  }
}

function describeTag(
  site: Site,
  { name, entry }: Repository,
  tag: string,
  pins: readonly Pin[],
  artifact: Artifact | string,
): ListedTag {
  const imageRef = `${site.registry.address}:${site.registry.port}/${name}`;
  const serviceId = entry?.serviceId ?? name;
  const uses = entry?.kind === "build" ? usesOf(pins, serviceId, tag) : [];
  const about = { serviceId, kind: entry?.kind ?? "unknown", imageRef, tag, pins: uses } as const;
  const where = `${imageRef}:${tag}`;
  if (typeof artifact === "string") {
    const reason = { what: "artifact", expected: "a whole image", found: artifact, where };
    return {
      ...about,
      digest: null,
      bytes: null,
      created: null,
      deployable: false,
      verdict: { ok: false, reasons: [reason] },
    };
  }
  const verdict = judgeTag(entry, tag, artifact, uses, where);
  return {
    ...about,
    digest: artifact.digest,
    bytes: sizeOf(artifact),
    created: artifact.created ?? null,
    deployable: entry?.kind === "build" && isCommitTag(tag) && verdict.ok,
    verdict,
  };
}

/** Each layer once, as the registry stores it. */
export function sizeOf({ layers, metadata }: Artifact): number {
  const once = new Map([...layers, ...metadata].map((blob) => [blob.digest, blob]));
  return bytesOf([...once.values()]);
}
