import * as z from "zod";
import type { Connection } from "../config/hosts.ts";
import { type Artifact, type ArtifactLayer, bytesOf } from "../registry/client.ts";
import { mustRun } from "../ssh/script.ts";
import { type DockerDisk, formatBytes } from "../verdicts/disk.ts";

/** Everything about a target's images in one call: the store, its file system, then every image's layers. Takes no argument. */
export const targetLayersScript = `
set -eu -o pipefail
export LC_ALL=C
{ read -r root; read -r status; } < <(timeout 20 docker info -f '{{println .DockerRootDir}}{{json .DriverStatus}}')
printf '%s\\n' "$root" "$status"
printf '%s %s\\n' "$(df -B1 --output=avail -- "$root" | tail -n 1)" "$(stat -c %d -- "$root")"
ids=$(timeout 20 docker image ls -aq --no-trunc | sort -u)
[ -z "$ids" ] || timeout 30 docker image inspect -f '{{json .RootFS.Layers}}' $ids 2>/dev/null || true
`;

const DriverStatus = z.array(z.array(z.string())).nullable();
const Layers = z.array(z.string()).nullable();

export interface TargetLayers {
  readonly disk: DockerDisk;
  /** Digests of the unpacked layers of every image on the target. */
  readonly images: readonly (readonly string[])[];
  /**
   * The containerd image store keeps content and unpacked layers apart, so that what images say of their
   * layers is an estimate there.
   */
  readonly exact: boolean;
}

export async function readTargetLayers(target: Connection): Promise<TargetLayers> {
  return parseTargetLayers(await mustRun(target, "look at the layers that Docker has", targetLayersScript));
}

export function parseTargetLayers(output: string): TargetLayers {
  const [path = "", status = "", room = "", ...images] = output.trimEnd().split("\n");
  const driver = DriverStatus.parse(JSON.parse(status)) ?? [];
  return {
    disk: parseDisk(path, room),
    exact: !driver.some(([key, value]) => key === "driver-type" && value?.includes("containerd")),
    images: images.map((line) => Layers.parse(JSON.parse(line)) ?? []),
  };
}

/** `<free bytes> <device>`. */
export function parseDisk(path: string, room: string): DockerDisk {
  const [free = "", fileSystem = ""] = room.trim().split(/\s+/);
  return { path, freeBytes: z.coerce.number().int().nonnegative().parse(free), fileSystem };
}

export interface LackedLayer extends ArtifactLayer {
  /** Names the layer together with all below it. */
  readonly chain: string;
}

export interface MissingLayers {
  /** How many layers the artifact has. */
  readonly total: number;
  readonly missing: readonly LackedLayer[];
  /** Manifests and configuration that have to cross the wire. */
  readonly metadataBytes: number;
  /** What has to cross the wire: the missing layers compressed, manifests and configuration. */
  readonly bytes: number;
  readonly exact: boolean;
}

/**
 * A layer is there when an image of the target begins with the same layers up to it (image-spec, chain
 * id). Where an image came by `docker load`, Docker may fetch such a layer again: it cannot know its digest.
 */
export function missingLayers(artifact: Artifact, target: Pick<TargetLayers, "images" | "exact">): MissingLayers {
  const { layers, diffIds } = artifact;
  const comparable = diffIds.length === layers.length;
  const present = comparable ? Math.max(0, ...target.images.map((image) => commonPrefix(image, diffIds))) : 0;
  const missing = layers.slice(present).map((layer, index) => ({
    ...layer,
    chain: comparable ? diffIds.slice(0, present + index + 1).join(" ") : layer.digest,
  }));
  const metadataBytes = bytesOf(artifact.metadata);
  const bytes = bytesOf(missing) + metadataBytes;
  return { total: layers.length, missing, metadataBytes, bytes, exact: target.exact && comparable };
}

function commonPrefix(left: readonly string[], right: readonly string[]): number {
  let length = 0;
  while (length < right.length && left[length] === right[length]) length += 1;
  return length;
}

/** `3 of 12 layers missing, 4.2 MB`. */
export function renderMissing({ total, missing, bytes, exact }: MissingLayers): string {
  const text = `${missing.length} of ${total} layers missing, ${formatBytes(bytes)}`;
  return exact ? text : `about ${text} (Docker does not say it exactly)`;
}
