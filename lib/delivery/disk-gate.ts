import { UserError } from "../errors.ts";
import type { Artifact, RegistryClient } from "../registry/client.ts";
import { type DockerDisk as ImageDisk, judgeDisk, type MissingLayer } from "../verdicts/disk.ts";
import { renderReasons } from "../verdicts/verdict.ts";
import { type LackedLayer, missingLayers, type TargetLayers } from "./missing-layers.ts";

/**
 * Unpacked size over compressed size where the layer does not say its own: gzip's usual gain on
 * programs and libraries is 2 to 3.
 */
const unpackedFactor = 3;

/** A gzip trailer counts modulo this (RFC 1952, ISIZE). */
const trailerLimit = 2 ** 32;

export interface GatedArtifact {
  readonly service: string;
  readonly repository: string;
  readonly artifact: Artifact;
}

/**
 * Refuses, before anything is pulled, images that the target's disk cannot hold together. `refusal` begins
 * the message: what therefore did not happen.
 */
export async function requireDiskSpace(
  refusal: string,
  host: string,
  target: TargetLayers,
  artifacts: readonly GatedArtifact[],
  client: RegistryClient,
): Promise<void> {
  const lacking = artifacts.flatMap(({ service, repository, artifact }) =>
    missingLayers(artifact, target).missing.map((layer) => ({ service, repository, layer })),
  );
  const remedy = `make room on ${host}; docker image prune there removes images without a name, and is the operator's decision`;
  await requireRoom(refusal, host, target.disk, lacking, client, remedy);
}

/** A layer to come, and whose it is. */
export interface ComingLayer {
  readonly service: string;
  readonly repository: string;
  readonly layer: LackedLayer;
}

/** The same for layers that are known to be missing, on any file system. */
export async function requireRoom(
  refusal: string,
  host: string,
  disk: ImageDisk,
  lacking: readonly ComingLayer[],
  client: RegistryClient,
  remedy: string,
): Promise<void> {
  const once = [...new Map(lacking.map((one) => [one.layer.chain, one])).values()];
  const layers = await Promise.all(once.map(({ repository, layer }) => measure(repository, layer, client)));
  const verdict = judgeDisk(disk, layers, host);
  if (verdict.ok) return;
  const services = [...new Set(lacking.map(({ service }) => service))].join(", ");
  throw new UserError({
    what: `${refusal}, because the disk of ${host} cannot hold the missing layers\n${renderReasons(services, verdict.reasons)}`,
    remedy,
  });
}

async function measure(repository: string, layer: LackedLayer, client: RegistryClient): Promise<MissingLayer> {
  const { chain, size } = layer;
  return {
    chain,
    compressedBytes: size,
    unpackedBytes: unpackedBytes(layer, await trailerOf(repository, layer, client)),
  };
}

async function trailerOf(repository: string, layer: LackedLayer, client: RegistryClient): Promise<number | undefined> {
  if (!/gzip$/.test(layer.mediaType ?? "") || layer.size >= trailerLimit) return undefined;
  return (await client.blobTail(repository, layer, 4))?.readUInt32LE();
}

/**
 * From the trailer of a gzip layer, which says the size of its last part. Hardly anything is larger compressed
 * than unpacked, so that a smaller number is of a layer in several parts, or beyond the trailer's range.
 */
export function unpackedBytes({ size }: { readonly size: number }, trailer: number | undefined): number {
  return trailer !== undefined && trailer >= size * 0.99 ? trailer : size * unpackedFactor;
}
