import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, sep } from "node:path";
import { labCommits } from "./commits.ts";
import { docker } from "./docker.ts";
import { contentHash, readTree } from "./files.ts";
import { ensureInnerImages, innerImages, innerImagesVersion } from "./images.ts";
import { clientPublicKey } from "./keys.ts";
import { clusterPrograms, clusterState, copyPrograms } from "./kubernetes.ts";
import type { Probe } from "./probe.ts";
import { buildRepositories } from "./repositories.ts";
import { type LabHost, labRoot } from "./settings.ts";
import { pipeImages } from "./transfer.ts";

/** One thing that the lab puts on a host; its version is kept there as a stamp, written last. */
export interface Part {
  readonly name: string;
  readonly version: string;
  /** Paths that must be there besides the stamp. */
  readonly paths: readonly string[];
  /** Images that must be there besides the stamp. */
  readonly images: readonly string[];
  /** Whether it works, asked where all the above is there. @default - it does */
  readonly works?: () => Promise<boolean>;
  readonly install: () => Promise<void>;
}

/** All parts of a host, in the order in which they are put there. */
export async function hostParts(host: LabHost): Promise<Part[]> {
  const root = "/home/ubuntu/unidesk";
  const access = { authorized_keys: await clientPublicKey() };
  const parts = [
    await folderPart(host, "access", ["/home/ubuntu/.ssh/authorized_keys"], access),
    await folderPart(host, "compose", [`${root}/docker-compose.yml`]),
    await folderPart(host, "environment", [`${root}/.state/compose.env`]),
  ];
  if (host.name !== "d601") return parts;
  return [...parts, await imagesPart(host), await repositoriesPart(host), ...(await clusterParts(host))];
}

/** True where the host has this part in this version. */
export function isProvisioned(part: Part, seen: Probe): boolean {
  return (
    seen.stamps.get(part.name) === part.version &&
    part.paths.every((path) => seen.paths.has(path)) &&
    part.images.every((image) => seen.images.has(image))
  );
}

/** True where `up` has nothing to do for this part. */
export async function isCurrent(part: Part, seen: Probe): Promise<boolean> {
  return isProvisioned(part, seen) && (await (part.works?.() ?? true));
}

export async function provision(host: LabHost, part: Part): Promise<void> {
  await part.install();
  const stamp =
    'printf %s "$2" > "/var/lib/unidesk-lab/$1.new" && mv "/var/lib/unidesk-lab/$1.new" "/var/lib/unidesk-lab/stamps/$1"';
  await docker(["exec", host.container, "sh", "-euc", stamp, "stamp", part.name, part.version]);
}

/** A part made of a folder below `provision/` with an install.sh, and of files that only the runner knows. */
async function folderPart(
  host: LabHost,
  name: string,
  paths: readonly string[],
  extraFiles: Readonly<Record<string, string>> = {},
): Promise<Part> {
  const tree = await partTree(host, name);
  for (const [path, content] of Object.entries(extraFiles)) tree.set(path, Buffer.from(content));
  return { name, version: contentHash(tree), paths, images: [], install: () => installTree(host, name, tree) };
}

/** The files of a part's folder, with those for this host alone lifted out of their subfolder. */
async function partTree(host: LabHost, name: string): Promise<Map<string, Buffer>> {
  const tree = new Map<string, Buffer>();
  for (const [path, bytes] of await readTree(join(labRoot, "provision", name))) {
    const [first = "", ...rest] = path.split(sep);
    if (rest.length === 0) tree.set(first, bytes);
    else if (first === host.name) tree.set(join(...rest), bytes);
  }
  return tree;
}

async function imagesPart(host: LabHost): Promise<Part> {
  const install = async () => pipeImages(await ensureInnerImages(), host);
  const version = await innerImagesVersion();
  return { name: "images", version, paths: [], images: Object.keys(innerImages), install };
}

async function repositoriesPart(host: LabHost): Promise<Part> {
  const name = "repositories";
  const tree = await partTree(host, name);
  // The version covers what the bundles are made from, so that a warm start need not make them.
  const version = contentHash(tree, await readTree(join(labRoot, "samples")), JSON.stringify(labCommits));
  const paths = ["/home/ubuntu/git/unidesk.git/HEAD", "/home/ubuntu/git/todo_note.git/HEAD"];
  const install = async () => {
    for (const [repository, bundle] of await buildRepositories()) tree.set(`${repository}.bundle`, bundle);
    await installTree(host, name, tree);
  };
  return { name, version, paths, images: [], install };
}

/** The cluster's programs and files, and the cluster that runs; nothing where there are no programs. */
async function clusterParts(host: LabHost): Promise<Part[]> {
  const programs = await clusterPrograms();
  if ("missing" in programs) return [];
  const name = programs.part;
  const tree = await partTree(host, name);
  const install = async () => {
    await copyPrograms(host, programs);
    await installTree(host, name, tree);
  };
  // Not /etc/rancher/k3s/k3s.yaml: a real k3s writes that itself, once it runs.
  const paths = ["/usr/local/bin/k3s", "/usr/local/bin/kubectl", "/etc/systemd/system/k3s.service"];
  const files: Part = { name, version: contentHash(tree, programs.version), paths, images: [], install };
  const cluster = await folderPart(host, "cluster", ["/etc/systemd/system/lab-pods.service"]);
  return [files, { ...cluster, works: async () => (await clusterState(host)) === "Ready" }];
}

/** Copies the files into the host and runs their install.sh there as root. */
async function installTree(host: LabHost, name: string, tree: ReadonlyMap<string, Buffer>): Promise<void> {
  const draft = await mkdtemp(join(tmpdir(), "unidesk-lab-"));
  const target = `/var/lib/unidesk-lab/parts/${name}`;
  try {
    for (const [path, bytes] of tree) {
      await mkdir(dirname(join(draft, path)), { recursive: true });
      await writeFile(join(draft, path), bytes);
    }
    await docker(["exec", host.container, "sh", "-euc", 'rm -rf "$1" && mkdir -p "$1"', "prepare", target]);
    await docker(["cp", `${draft}/.`, `${host.container}:${target}`]);
    await docker(["exec", "--workdir", target, host.container, "sh", "install.sh"], { timeout: 300_000 });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
