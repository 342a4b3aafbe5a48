// The programs of the lab's cluster: where their sources are and where they lie once built.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheDir } from "./paths.mjs";

export const kubernetesVersion = "v1.34.4";

/** Go module of `k3s` and, below it, `pause`. */
export const kubernetesSource = join(dirname(fileURLToPath(import.meta.url)), "..", "lab", "kubernetes");

/** Folder of the programs `k3s` and `pause`, named by what they are built from; there only once both are built. */
export function kubernetesPrograms() {
  const hash = createHash("sha256").update(kubernetesVersion);
  for (const file of readdirSync(kubernetesSource, { recursive: true, encoding: "utf8" }).sort()) {
    if (/\.go$|^go\./.test(file)) hash.update(file).update(readFileSync(join(kubernetesSource, file)));
  }
  return join(cacheDir, `kubernetes-${kubernetesVersion}-${hash.digest("hex").slice(0, 12)}`);
}
