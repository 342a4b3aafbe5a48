import { repositoryName } from "../config/ci-file.ts";
import { isComposePin, type Pin, pinName } from "../config/deploy-file.ts";
import type { HostName } from "../config/hosts.ts";
import type { Site } from "../config/site.ts";
import { type ComingLayer, measureRoom } from "../delivery/disk-gate.ts";
import { missingLayers, readTargetLayers, type TargetLayers } from "../delivery/missing-layers.ts";
import { messageOf, UserError } from "../errors.ts";
import { type ContainerdStore, missingBlobs, readContainerdStore } from "../kubernetes/containerd-pull.ts";
import type { Artifact, RegistryClient } from "../registry/client.ts";
import { withRegistry } from "../registry/open.ts";
import { neededBytes } from "../verdicts/disk.ts";
import type { DiskReview, ServiceReview } from "./report.ts";

export interface ArtifactQuestion {
  readonly pin: Pin;
  /** The image has to come; else only its manifest is asked for. */
  readonly comes: boolean;
  /** A commit that a rollback would go back to. */
  readonly rollback: string | undefined;
}

export interface ArtifactLook {
  /** Undefined where nobody could ask; null where the registry has none. By `artifactKey`. */
  find(service: string, commit: string): Artifact | null | undefined;
  /** By `pinName`; absent where it is not known. */
  readonly transfers: ReadonlyMap<string, ServiceReview["transfer"]>;
  readonly disks: readonly DiskReview[];
  /** Bytes for all of these together: layers that images share are counted once a host. Null where one is not known. */
  totalBytes(keys: ReadonlySet<string>): number | null;
  readonly warnings: readonly string[];
}

export const noArtifacts: ArtifactLook = {
  ...{ find: () => undefined, transfers: new Map(), disks: [], totalBytes: () => null, warnings: [] },
};

/** What the registry has of the pins, and what of it their hosts lack. */
export async function lookAtArtifacts(site: Site, questions: readonly ArtifactQuestion[]): Promise<ArtifactLook> {
  if (questions.length === 0) return { ...noArtifacts, totalBytes: () => 0 };
  const coming = questions.filter(({ comes }) => comes).map(({ pin }) => pin);
  const warnings: string[] = [];
  const unknown = (what: string) => (error: unknown) => {
    if (!(error instanceof UserError)) throw error;
    warnings.push(`${what}: ${messageOf(error)}`);
    return undefined;
  };
  const stores = readStores(site, coming, unknown);
  const look = await withRegistry(site.connections.d601, site.registry.port, async (client) => {
    await client.ping();
    const artifacts = await readArtifacts(client, questions, unknown);
    const lacks = lacksOf(coming, artifacts, await stores);
    const { disks, unpacked } = await roomOf(client, lacks, await stores);
    return { artifacts, lacks, disks, unpacked };
  }).catch(unknown("the registry was not asked, so that bytes and digests are unknown"));
  if (!look) return { ...noArtifacts, warnings };
  const come = new Set(coming.map(pinName));
  return {
    find: (service, commit) => look.artifacts.get(artifactKey(service, commit)),
    transfers: new Map(
      look.lacks.map((lack) => [pinName(lack.pin), { ...lack.transfer, diskBytes: diskBytesOf(lack, look.unpacked) }]),
    ),
    disks: look.disks,
    totalBytes: (keys) => {
      const wanted = [...keys].filter((key) => come.has(key));
      const lacks = look.lacks.filter(({ pin }) => keys.has(pinName(pin)));
      return lacks.length === wanted.length ? lackedBytes(lacks) : null;
    },
    warnings,
  };
}

type Unknown = (what: string) => (error: unknown) => undefined;

async function readArtifacts(
  client: RegistryClient,
  questions: readonly ArtifactQuestion[],
  unknown: Unknown,
): Promise<ReadonlyMap<string, Artifact | null>> {
  const wanted = new Map(
    questions.flatMap(({ pin: { service, commit }, rollback }) =>
      [commit, rollback].flatMap((one) =>
        one ? [[artifactKey(service, one), { service, commit: one }] as const] : [],
      ),
    ),
  );
  const found = await Promise.all(
    [...wanted].map(async ([key, { service, commit }]) => {
      const artifact = await client
        .artifact(repositoryName(service), commit)
        .then((one) => one ?? null)
        .catch(unknown(`${service} ${commit}`));
      return artifact === undefined ? [] : [[key, artifact] as const];
    }),
  );
  return new Map(found.flat());
}

/** Where images come to: Docker's or containerd's store of a host. */
type Store =
  | { readonly host: HostName; readonly store: "docker"; readonly held: TargetLayers }
  | { readonly host: HostName; readonly store: "containerd"; readonly held: ContainerdStore };

async function readStores(site: Site, coming: readonly Pin[], unknown: Unknown): Promise<Store[]> {
  const places = new Map(coming.map((pin) => [storeKey(pin), pin]));
  const stores = await Promise.all(
    [...places.values()].map(async (pin): Promise<Store[]> => {
      const { host } = pin.consumer.runtime;
      const connection = site.connections[host];
      const why = unknown(`the images on ${host} were not looked at, so that bytes are unknown`);
      if (isComposePin(pin)) {
        const held = await readTargetLayers(connection).catch(why);
        return held ? [{ host, store: "docker", held }] : [];
      }
      const held = await readContainerdStore(connection).catch(why);
      return held ? [{ host, store: "containerd", held }] : [];
    }),
  );
  return stores.flat();
}

function storeKey(pin: Pin): string {
  return `${pin.consumer.runtime.host} ${isComposePin(pin) ? "docker" : "containerd"}`;
}

interface Lack {
  readonly pin: Pin;
  /** Of its store. */
  readonly path: string;
  readonly metadataBytes: number;
  readonly layers: readonly ComingLayer[];
  readonly transfer: Omit<ServiceReview["transfer"], "diskBytes">;
}

function lacksOf(
  coming: readonly Pin[],
  artifacts: ReadonlyMap<string, Artifact | null>,
  stores: readonly Store[],
): Lack[] {
  return coming.flatMap((pin) => {
    const artifact = artifacts.get(artifactKey(pin.service, pin.commit));
    const store = stores.find(({ host, store: kind }) => `${host} ${kind}` === storeKey(pin));
    if (!artifact || !store) return [];
    const { total, missing, metadataBytes, bytes, exact } =
      store.store === "docker" ? missingLayers(artifact, store.held) : missingBlobs(artifact, store.held);
    const repository = repositoryName(pin.service);
    const layers = missing.map((layer) => ({ service: pin.service, repository, layer }));
    const { path } = store.held.disk;
    return [
      { pin, path, metadataBytes, layers, transfer: { bytes, missingLayers: missing.length, layers: total, exact } },
    ];
  });
}

function lackedBytes(lacks: readonly Lack[]): number {
  const layers = new Map(
    lacks.flatMap(({ pin, layers: all }) => all.map(({ layer }) => [`${storeKey(pin)} ${layer.chain}`, layer.size])),
  );
  const metadata = lacks.reduce((sum, { metadataBytes }) => sum + metadataBytes, 0);
  return [...layers.values()].reduce((sum, size) => sum + size, metadata);
}

/** Docker keeps a layer unpacked alone, containerd the blob beside it. */
function diskBytesOf({ pin, path, metadataBytes, layers }: Lack, unpacked: ReadonlyMap<string, number>): number {
  const isCompose = isComposePin(pin);
  return layers.reduce(
    (sum, { layer }) => sum + (unpacked.get(`${path} ${layer.chain}`) ?? 0) + (isCompose ? 0 : layer.size),
    metadataBytes,
  );
}

interface Room {
  readonly disks: readonly DiskReview[];
  /** Bytes of a layer once it is unpacked, by the path of its store and its chain. */
  readonly unpacked: ReadonlyMap<string, number>;
}

async function roomOf(client: RegistryClient, lacks: readonly Lack[], stores: readonly Store[]): Promise<Room> {
  const unpacked = new Map<string, number>();
  const hosts = [...new Set(stores.map(({ host }) => host))];
  const byHost = hosts.map(async (host) => {
    const needs = stores
      .filter((store) => store.host === host)
      .map(({ store, held: { disk } }) => {
        const here = lacks.filter(({ pin }) => storeKey(pin) === `${host} ${store}`);
        return { disk, coming: here.flatMap(({ layers }) => layers), prune: "" };
      });
    return (await measureRoom(needs, client)).map(({ disk, layers }) => {
      for (const { chain, unpackedBytes } of layers) unpacked.set(chain, unpackedBytes);
      const needed = neededBytes(layers);
      return { host, path: disk.path, neededBytes: needed, freeBytes: disk.freeBytes, fits: needed <= disk.freeBytes };
    });
  });
  return { disks: (await Promise.all(byHost)).flat(), unpacked };
}

function artifactKey(service: string, commit: string): string {
  return `${service}:${commit}`;
}
