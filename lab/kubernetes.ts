import { access, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { kubernetesPrograms } from "../tools/kubernetes.mjs";
import { docker } from "./docker.ts";
import { LabError } from "./errors.ts";
import { contentHash, writeAtomically } from "./files.ts";
import { type LabHost, labHost } from "./settings.ts";

/** What a cluster is run from: files on the runner by the name that they get in the host's /usr/local/bin. */
export interface ClusterPrograms {
  /** Folder below `provision/` that installs them. */
  readonly part: "kubernetes" | "k3s";
  readonly version: string;
  readonly files: Readonly<Record<string, string>>;
}

/** Programs of d601's cluster, or why it gets none. */
export async function clusterPrograms(
  k3s: string | undefined = process.env.LAB_K3S,
): Promise<ClusterPrograms | { readonly missing: string }> {
  if (k3s === "none") return { missing: "LAB_K3S is none" };
  if (k3s) {
    const file = await stat(k3s).catch(() => undefined);
    if (!file?.isFile()) {
      throw new LabError(
        `LAB_K3S is "${k3s}", which is no file. Allowed: path of a k3s binary; "none" for no cluster; unset it for ` +
          "the one that the lab builds.",
        { exitCode: 2 },
      );
    }
    return { part: "k3s", version: contentHash(k3s, String(file.size), String(file.mtimeMs)), files: { k3s } };
  }
  const folder = kubernetesPrograms();
  const files = { k3s: join(folder, "k3s"), pause: join(folder, "pause") };
  const built = await access(folder).then(
    () => true,
    () => false,
  );
  if (!built) return { missing: "its programs are not built; node scripts/prepare.mjs does that and needs Go" };
  return { part: "kubernetes", version: folder, files };
}

/** Copies the programs into the host, beside the ones that run there. */
export async function copyPrograms(host: LabHost, { files }: ClusterPrograms): Promise<void> {
  for (const [name, file] of Object.entries(files)) {
    await docker(["cp", "--follow-link", file, `${host.container}:/usr/local/bin/${name}.new`]);
  }
}

/** `Ready`, or what the cluster lacks. */
export async function clusterState(host: LabHost): Promise<string> {
  const script = "cd /var/lib/unidesk-lab/parts/cluster 2> /dev/null && sh state.sh || echo none";
  return await docker(["exec", host.container, "sh", "-c", script], { timeout: 20_000 }).catch(() => "unknown");
}

/** Waits until the host's cluster is Ready, where it has one. */
export async function waitForCluster(host: LabHost, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const state = await clusterState(host);
    if (state === "Ready" || state === "none") return;
    if (Date.now() > deadline)
      throw new LabError(`the cluster of ${host.name} is not Ready after ${timeoutMs} ms: ${state}`);
    await sleep(500);
  }
}

/** Certificate of the authority that signed the API server's; there where d601 has a cluster. */
export function clusterAuthorityFile(): string {
  return join(labHost("d601").dir, "kubernetes-ca.crt");
}

export async function writeClusterAuthority(host: LabHost): Promise<void> {
  const path = "/var/lib/rancher/k3s/server/tls/server-ca.crt";
  const text = `${await docker(["exec", host.container, "cat", path])}\n`;
  const file = clusterAuthorityFile();
  const old = await readFile(file, "utf8").catch(() => undefined);
  if (old !== text) await writeAtomically(file, text);
}

export async function forgetClusterAuthority(): Promise<void> {
  await rm(clusterAuthorityFile(), { force: true });
}
