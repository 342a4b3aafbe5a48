import type { PruneDecision } from "./decide.ts";
import type { RegistryStorage } from "./storage.ts";

/** Bytes on the disk that garbage collection frees once the manifests are gone. */
export interface FreedBytes {
  readonly total: number;
  /** Of blobs that no manifest names at all: pushes that never ended, and what an earlier prune did not come to. */
  readonly unreferenced: number;
  /** How many blobs go. */
  readonly blobs: number;
  /** What each manifest alone holds, by `<repository>@<digest>`; what several share is in the total only. */
  readonly alone: ReadonlyMap<string, number>;
}

/** Exact: a blob stays as long as one manifest that stays names it, in whichever repository. */
export function freedBytes(storage: RegistryStorage, deleted: PruneDecision["manifests"]): FreedBytes {
  const goes = new Set(deleted.map(({ repository, digest }) => `${repository}@${digest}`));
  const kept = new Set<string>();
  const holders = new Map<string, Set<string>>();
  for (const { name, manifests } of storage.repositories) {
    for (const { digest, references } of manifests) {
      const key = `${name}@${digest}`;
      for (const blob of [digest, ...references]) {
        if (goes.has(key)) holders.set(blob, (holders.get(blob) ?? new Set()).add(key));
        else kept.add(blob);
      }
    }
  }
  const alone = new Map<string, number>();
  let [total, unreferenced, blobs] = [0, 0, 0];
  for (const [blob, size] of storage.blobs) {
    if (kept.has(blob)) continue;
    const of = [...(holders.get(blob) ?? [])];
    total += size;
    blobs++;
    if (of.length === 0) unreferenced += size;
    if (of.length === 1 && of[0]) alone.set(of[0], (alone.get(of[0]) ?? 0) + size);
  }
  return { total, unreferenced, blobs, alone };
}
