import type { Connection } from "../config/hosts.ts";
import { requireRoom } from "../delivery/disk-gate.ts";
import type { LackedLayer } from "../delivery/missing-layers.ts";
import { referenceOf } from "../delivery/reference.ts";
import { hostPaths } from "../host-paths.ts";
import type { Artifact, RegistryClient } from "../registry/client.ts";
import { silenceSeconds } from "../ssh/lifeline.ts";
import { mustRun } from "../ssh/script.ts";
import type { WantedArtifact } from "../verdicts/artifact.ts";
import { type DockerDisk, formatBytes } from "../verdicts/disk.ts";
import { asRootFunction, containerdFunctions, containerdRoot } from "./containerd.ts";
import { clusterImage } from "./target.ts";

const storeScript = `
set -eu -o pipefail
export LC_ALL=C
${asRootFunction}
${containerdFunctions}
as_root df -B1 --output=avail -- "$1" | tail -n 1
ctr_answer content ls -q
`;

/** What containerd has, whichever image it came with. */
export interface ContainerdStore {
  readonly disk: DockerDisk;
  readonly blobs: ReadonlySet<string>;
}

export async function readContainerdStore(host: Connection): Promise<ContainerdStore> {
  const output = await mustRun(host, "look at the layers that containerd has", storeScript, [containerdRoot]);
  const [free = "", ...blobs] = output.trim().split("\n");
  return { disk: { path: containerdRoot, freeBytes: Number(free.trim()) }, blobs: new Set(blobs) };
}

export function layersToCome({ layers }: Artifact, { blobs }: ContainerdStore): LackedLayer[] {
  return layers.filter(({ digest }) => !blobs.has(digest)).map((layer) => ({ ...layer, chain: layer.digest }));
}

export interface ContainerdArtifact {
  readonly wanted: WantedArtifact;
  readonly artifact: Artifact;
}

/** Refuses, before anything is pulled, images that containerd's disk cannot hold together. */
export async function requireContainerdRoom(
  refusal: string,
  host: string,
  store: ContainerdStore,
  artifacts: readonly ContainerdArtifact[],
  client: RegistryClient,
): Promise<void> {
  const coming = artifacts.flatMap(({ wanted: { service, repository }, artifact }) =>
    layersToCome(artifact, store).map((layer) => ({ service, repository, layer })),
  );
  const remedy = `make room on ${host}; k3s crictl rmi --prune there removes images that no container uses, and is the operator's decision`;
  await requireRoom(refusal, host, store.disk, coming, client, remedy);
}

/**
 * Pulls and names an image, with nothing to do where it is there. Arguments: lock file, the registry's name by digest,
 * which stays, the commit's name, the digest, the names of all commits as a regular expression.
 * Prints `already there` or `pulled`. Standard input is a lifeline: containerd goes on by itself when a
 * client ends, but nobody would name the image.
 *
 * The name by digest is what a node reports of a pod's image. The label keeps the kubelet from collecting an image
 * that no pod uses yet while its disk is nearly full; those of other commits are left to it, and it takes none that
 * is in use.
 */
export const containerdPullScript = `
set -u
export LC_ALL=C
lock=$1 reference=$2 name=$3 digest=$4 siblings=$5
${asRootFunction}
${containerdFunctions}
exec 8<&0 </dev/null
mkdir -p "$(dirname "$lock")"
exec 9>>"$lock" || exit 1
flock -n 9 || echo "waiting: another delivery of this service is under way" >&2
flock -w 600 9 || { echo "another delivery holds $lock for more than 600 s" >&2; exit 75; }
is_whole() { ctr_answer images check "name==$1" | awk -v name="$1" -v digest="$2" '$1 == name && $3 == digest && / complete \\(/ { ok = 1 } END { exit !ok }'; }
pull() {
  local pulling watching code
  cluster_ctr 840 images pull --plain-http "$reference" 8<&- 9>&- >/dev/null &
  pulling=$!
  { while IFS= read -r -t ${silenceSeconds} _; do :; done; kill "$pulling"; } <&8 9>&- >/dev/null 2>&1 &
  watching=$!
  wait "$pulling"
  code=$?
  kill "$watching" 2>/dev/null
  wait "$watching" 2>/dev/null
  return "$code"
}
result=pulled
if is_whole "$reference" "$digest"; then
  result='already there'
else
  pull || exit
  is_whole "$reference" "$digest" || { echo "containerd pulled $reference, but it is not whole or not $digest" >&2; exit 1; }
fi
if [ "$(digest_of "$name")" != "$digest" ]; then
  ctr_answer images tag --force "$reference" "$name" >/dev/null || exit
fi
[ "$(digest_of "$name")" = "$digest" ] || { echo "containerd did not name $digest $name" >&2; exit 1; }
ctr_answer images label "$name" io.cri-containerd.pinned=pinned >/dev/null || exit
ctr_answer images ls "name~=$siblings" | awk -v name="$name" 'NR > 1 && $1 != name && /io\\.cri-containerd\\.pinned=/ { print $1 }' | while IFS= read -r other; do
  ctr_answer images label "$other" io.cri-containerd.pinned= >/dev/null </dev/null
done
# What runs pods learns of an image a moment later; this label is its own.
for _ in 1 2 3 4 5 6 7 8 9 10; do
  ctr_answer images ls "name==$name" | grep -q 'io\\.cri-containerd\\.image=managed' && break
  sleep 0.2
done
printf '%s\\n' "$result"
`;

/** Brings an image to containerd from the registry on the same host; refuses before where the disk cannot hold it. */
export async function pullIntoContainerd(
  host: Connection,
  registryPort: number,
  { wanted, artifact }: ContainerdArtifact,
  client: RegistryClient,
  say: (line: string) => void,
): Promise<{ readonly transfer?: { readonly bytes: number; readonly seconds: number } }> {
  const { service, repository, commit } = wanted;
  const store = await readContainerdStore(host);
  const coming = layersToCome(artifact, store);
  const bytes = coming.reduce((sum, { size }) => sum + size, artifact.metadataBytes);
  say(`${coming.length} of ${artifact.layers.length} layers missing, ${formatBytes(bytes)}`);
  await requireContainerdRoom("nothing was pulled", host.name, store, [{ wanted, artifact }], client);
  const reference = referenceOf(registryPort, repository, artifact.digest);
  const name = clusterImage(registryPort, service, commit);
  const siblings = `^${clusterImage(registryPort, service, "").replaceAll(/[.]/g, "\\.")}[0-9a-f]+$`;
  const args = [`${hostPaths(host).locks}/containerd-${service}`, reference, name, artifact.digest, siblings];
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 100) / 10;
  const silence = setInterval(() => say(`still pulling, ${Math.round(seconds())} s`), 4000);
  try {
    const output = await mustRun(host, `pull ${repository}@${artifact.digest}`, containerdPullScript, args, {
      timeoutSeconds: 1500,
      lifeline: new AbortController().signal,
      onProgress: say,
    });
    if (output.startsWith("already there")) {
      say(`${repository}@${artifact.digest} was already there`);
      return {};
    }
    say(`delivered ${artifact.digest} in ${seconds()} s`);
    return { transfer: { bytes, seconds: seconds() } };
  } finally {
    clearInterval(silence);
  }
}
