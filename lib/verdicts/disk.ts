import { type Verdict, verdictOf } from "./verdict.ts";

/** Left free for Docker's own metadata, containers' files and logs while images are unpacked. */
export const diskMarginBytes = 64 * 1024 * 1024;

/** A layer that the target lacks. */
export interface MissingLayer {
  /** Names the layer together with all below it: what Docker stores once. */
  readonly chain: string;
  readonly compressedBytes: number;
  readonly unpackedBytes: number;
}

/** Free space of the file system that Docker stores images on. */
export interface DockerDisk {
  readonly path: string;
  readonly freeBytes: number;
  /** Number of its device: two folders of one file system share its room. */
  readonly fileSystem: string;
}

/**
 * What pulling needs: Docker holds a layer compressed while it unpacks it. Layers that images share
 * count once; where nothing is missing nothing is needed.
 */
export function neededBytes(layers: readonly MissingLayer[]): number {
  const once = [...new Map(layers.map((layer) => [layer.chain, layer])).values()];
  if (once.length === 0) return 0;
  return once.reduce((sum, layer) => sum + layer.compressedBytes + layer.unpackedBytes, diskMarginBytes);
}

export function judgeDisk(
  disk: Pick<DockerDisk, "path" | "freeBytes">,
  layers: readonly MissingLayer[],
  host: string,
): Verdict {
  const needed = neededBytes(layers);
  if (needed <= disk.freeBytes) return verdictOf([]);
  const where = `${host} ${disk.path}`;
  const expected = `${formatBytes(needed)} free`;
  return verdictOf([{ what: "disk space for images", expected, found: formatBytes(disk.freeBytes), where }]);
}

/** `512 B`, `4.2 MB`: powers of 1000, as Docker prints them. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
