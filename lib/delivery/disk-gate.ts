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

/** A layer to come, and whose it is. */
export interface ComingLayer {
  readonly service: string;
  readonly repository: string;
  readonly layer: LackedLayer;
}

/** What is to come to one store of images. */
export interface Need {
  readonly disk: ImageDisk;
  readonly coming: readonly ComingLayer[];
  /** A command of that store that makes room, and what it removes. */
  readonly prune: string;
}

export function dockerNeed(target: TargetLayers, artifacts: readonly GatedArtifact[]): Need {
  const coming = artifacts.flatMap(({ service, repository, artifact }) =>
    missingLayers(artifact, target).missing.map((layer) => ({ service, repository, layer })),
  );
  return { disk: target.disk, coming, prune: "docker image prune there removes images without a name" };
}

/**
 * Refuses, before anything is pulled, images that the host's disks cannot hold together. Two stores on one file system
 * share its room. `refusal` begins the message: what therefore did not happen.
 */
export async function requireRoom(
  refusal: string,
  host: string,
  needs: readonly Need[],
  client: RegistryClient,
): Promise<void> {
  for (const { disk, services, layers, prune } of await measureRoom(needs, client)) {
    const verdict = judgeDisk(disk, layers, host);
    if (verdict.ok) continue;
    throw new UserError({
      what: `${refusal}, because the disk of ${host} cannot hold the missing layers\n${renderReasons(services.join(", "), verdict.reasons)}`,
      remedy: `make room on ${host}; ${prune}, and is the operator's decision`,
    });
  }
}

/** What comes to one file system of a host. */
export interface MeasuredRoom {
  readonly disk: ImageDisk;
  readonly services: readonly string[];
  readonly layers: readonly MissingLayer[];
  readonly prune: string;
}

/** What is to come to a host's stores, by file system; each layer once a store. */
export async function measureRoom(needs: readonly Need[], client: RegistryClient): Promise<MeasuredRoom[]> {
  return Promise.all(
    byFileSystem(needs).map(async ({ disk, coming, prune }) => {
      const once = [...new Map(coming.map((one) => [`${one.store} ${one.layer.chain}`, one])).values()];
      const services = [...new Set(coming.map(({ service }) => service))];
      return { disk, services, prune, layers: await Promise.all(once.map((one) => measure(one, client))) };
    }),
  );
}

interface SharedNeed extends Need {
  readonly coming: readonly (ComingLayer & { readonly store: string })[];
}

function byFileSystem(needs: readonly Need[]): SharedNeed[] {
  const shared = new Map<string, SharedNeed>();
  for (const { disk, coming, prune } of needs.filter(({ coming: { length } }) => length > 0)) {
    const found = shared.get(disk.fileSystem);
    shared.set(disk.fileSystem, {
      disk: { ...disk, path: found ? `${found.disk.path} and ${disk.path}` : disk.path },
      coming: [...(found?.coming ?? []), ...coming.map((one) => ({ ...one, store: disk.path }))],
      prune: found ? `${found.prune}, ${prune}` : prune,
    });
  }
  return [...shared.values()];
}

async function measure(
  { store, repository, layer }: ComingLayer & { readonly store: string },
  client: RegistryClient,
): Promise<MissingLayer> {
  const { chain, size } = layer;
  return {
    // The same layer in two stores takes its room twice.
    chain: `${store} ${chain}`,
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
