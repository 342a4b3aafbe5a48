import * as z from "zod";
import { type BuildArtifact, findEntry, mirrorTag, repositoryOf, type UpstreamArtifact } from "../config/ci-file.ts";
import type { Pin } from "../config/deploy-file.ts";
import type { Site } from "../config/site.ts";
import { Digest } from "../config/values.ts";
import { UserError } from "../errors.ts";
import { hostPaths } from "../host-paths.ts";
import { imageLabels } from "../labels.ts";
import type { Artifact, ArtifactLayer, RegistryClient } from "../registry/client.ts";
import { mustRun } from "../ssh/script.ts";
import type { Verdict } from "../verdicts/verdict.ts";
import { inventory, type ListedTag, sizeOf } from "./inventory.ts";
import { isCommitTag, judgeTag, type PinUse, usesOf } from "./judge.ts";

/** What a publish wrote down on D601; of somebody else's file only this is believed. */
const ArtifactRecord = z.looseObject({ serviceId: z.string(), sourceCommit: z.string(), digest: z.string() });
export type ArtifactRecord = z.infer<typeof ArtifactRecord>;

/** Everything about one artifact; the fields are a contract. */
export interface ArtifactDetails {
  readonly serviceId: string;
  readonly kind: ListedTag["kind"];
  readonly imageRef: string;
  /** Every tag that names this digest; of what was asked for in full, its commit's alone. */
  readonly tags: readonly string[];
  readonly digest: string;
  readonly manifestDigest: string;
  readonly configDigest: string;
  readonly created: string | null;
  readonly bytes: number;
  readonly layers: readonly ArtifactLayer[];
  readonly labels: Readonly<Record<string, string>>;
  readonly verdict: Verdict;
  /** Null where D601 has none, such as of an image that was pushed by hand. */
  readonly record: (ArtifactRecord & { readonly path: string; readonly agrees: boolean }) | null;
  readonly pins: readonly PinUse[];
}

/** One artifact by its commit or digest, in full or by as much of it as only one has. */
export async function artifactDetails(
  site: Site,
  registry: RegistryClient,
  service: string,
  reference: string,
  pins: readonly Pin[],
): Promise<ArtifactDetails> {
  const entry = findEntry(site.ci, service);
  const name = repositoryOf(entry);
  const imageRef = `${site.registry.address}:${site.registry.port}/${name}`;
  const { artifact, tags, wanted } =
    (await askedInFull(registry, entry, imageRef, reference)) ??
    (await searched(site, registry, entry, imageRef, reference));
  // Of several tags the commit counts; an image that none names can only be judged as such.
  const tag = tags.find((one) => one === wanted) ?? tags.find(isCommitTag) ?? tags[0];
  const uses = entry.kind === "build" ? tags.flatMap((one) => usesOf(pins, service, one)) : [];
  return {
    serviceId: service,
    kind: entry.kind,
    imageRef,
    tags,
    digest: artifact.digest,
    manifestDigest: artifact.manifestDigest,
    configDigest: artifact.configDigest,
    created: artifact.created ?? null,
    bytes: sizeOf(artifact),
    layers: artifact.layers,
    labels: artifact.labels,
    verdict: judgeTag(entry, tag ?? "none", artifact, uses, `${imageRef}@${artifact.digest}`),
    record: tag && entry.kind === "build" ? await recordOf(site, service, tag, artifact.digest) : null,
    pins: uses,
  };
}

interface Found {
  readonly artifact: Artifact;
  /** Tags that name it. */
  readonly tags: readonly string[];
  /** The tag or digest that the registry was asked for. */
  readonly wanted: string;
}

type Entry = BuildArtifact | UpstreamArtifact;

/**
 * A whole commit or digest: the registry is asked for that one alone, however many tags it has. Undefined where it is
 * neither, and where the tag of a digest does not follow from its image.
 */
async function askedInFull(
  registry: RegistryClient,
  entry: Entry,
  imageRef: string,
  reference: string,
): Promise<Found | undefined> {
  const byDigest = Digest.safeParse(reference).success;
  if (!byDigest && !isCommitTag(reference)) return undefined;
  const name = repositoryOf(entry);
  const artifact = await registry.artifact(name, reference);
  if (!artifact) throw notThere(imageRef, reference, await registry.tags(name));
  if (!byDigest) return { artifact, tags: [reference], wanted: reference };
  const tag = entry.kind === "build" ? artifact.labels[imageLabels.revision] : mirrorTag(entry);
  if (tag === undefined || (entry.kind === "build" && !isCommitTag(tag))) return undefined;
  const named = await registry.manifestDigest(name, tag);
  return named === artifact.digest ? { artifact, tags: [tag], wanted: reference } : undefined;
}

async function searched(
  site: Site,
  registry: RegistryClient,
  entry: Entry,
  imageRef: string,
  reference: string,
): Promise<Found> {
  const name = repositoryOf(entry);
  const listed = await inventory(site, registry, [{ name, entry }], []);
  const all = listed.map(({ tag }) => tag);
  const wanted = resolve(imageRef, listed, reference);
  const artifact = await registry.artifact(name, wanted);
  if (!artifact) throw notThere(imageRef, reference, all);
  return { artifact, tags: listed.filter(({ digest }) => digest === artifact.digest).map(({ tag }) => tag), wanted };
}

/** The tag or digest that the registry is asked for. */
function resolve(imageRef: string, listed: readonly ListedTag[], reference: string): string {
  if (Digest.safeParse(reference).success || listed.some(({ tag }) => tag === reference)) return reference;
  const hex = reference.replace(/^sha256:/, "");
  const found = listed.filter(
    ({ tag, digest }) => reference.length >= 4 && (tag.startsWith(reference) || digest?.startsWith(`sha256:${hex}`)),
  );
  const [one, another] = found;
  if (!one) {
    throw notThere(
      imageRef,
      reference,
      listed.map(({ tag }) => tag),
    );
  }
  if (!another) return one.tag;
  throw new UserError({
    what: `${imageRef}: more than one tag or digest begins so`,
    found: reference,
    allowed: found.map(({ tag, digest }) => `${tag} (${digest})`).join(", "),
    remedy: "write more of it",
  });
}

function notThere(imageRef: string, reference: string, tags: readonly string[]): UserError {
  const more = tags.length > 10 ? ` and ${tags.length - 10} more` : "";
  return new UserError({
    what: `${imageRef}: the registry has no such artifact`,
    found: reference,
    allowed: tags.length > 0 ? `${tags.slice(0, 10).join(", ")}${more}` : "nothing is published yet",
    remedy: "npx unidesk artifact list",
  });
}

async function recordOf(site: Site, service: string, tag: string, digest: string): Promise<ArtifactDetails["record"]> {
  const host = site.connections.d601;
  const path = `${hostPaths(host).artifacts}/${service}/${tag}.json`;
  const text = await mustRun(host, `read ${path}`, 'if [ -f "$1" ]; then head -c 65536 "$1"; fi', [path]);
  if (text === "") return null;
  const parsed = ArtifactRecord.safeParse(parsedJson(text));
  if (!parsed.success) return { serviceId: "", sourceCommit: "", digest: "", path, agrees: false };
  return { ...parsed.data, path, agrees: parsed.data.digest === digest && parsed.data.serviceId === service };
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
