import type { Connection } from "../config/hosts.ts";
import { type GatedArtifact, type Need, requireRoom } from "../delivery/disk-gate.ts";
import { type Fetched, measureFetched, type Transfer } from "../delivery/measured.ts";
import { type MissingLayers, parseDisk, renderMissing } from "../delivery/missing-layers.ts";
import { referenceOf } from "../delivery/reference.ts";
import { hostPaths } from "../host-paths.ts";
import { type Artifact, type ArtifactBlob, bytesOf, type RegistryClient } from "../registry/client.ts";
import { asRootFunction } from "../ssh/as-root.ts";
import { silenceSeconds } from "../ssh/lifeline.ts";
import { mustRun } from "../ssh/script.ts";
import type { WantedArtifact } from "../verdicts/artifact.ts";
import type { DockerDisk } from "../verdicts/disk.ts";
import { containerdFunctions, containerdRoot } from "./containerd.ts";
import { clusterImage } from "./target.ts";

/** Takes no argument. */
export const containerdStoreScript = `
set -eu -o pipefail
export LC_ALL=C
${asRootFunction}
${containerdFunctions}
printf '%s %s\\n' "$(as_root df -B1 --output=avail -- ${containerdRoot} | tail -n 1)" "$(as_root stat -c %d -- ${containerdRoot})"
ctr_answer content ls -q
`;

/** What containerd has, whichever image it came with. */
export interface ContainerdStore {
  readonly disk: DockerDisk;
  readonly blobs: ReadonlySet<string>;
}

export async function readContainerdStore(host: Connection): Promise<ContainerdStore> {
  const output = await mustRun(host, "look at the layers that containerd has", containerdStoreScript);
  const [room = "", ...blobs] = output.trim().split("\n");
  return { disk: parseDisk(containerdRoot, room), blobs: new Set(blobs) };
}

/** Of what is there nothing is fetched again, also where the image itself has lost its name. */
export function missingBlobs({ layers, metadata }: Artifact, { blobs }: Pick<ContainerdStore, "blobs">): MissingLayers {
  const isMissing = ({ digest }: ArtifactBlob) => !blobs.has(digest);
  const missing = layers.filter(isMissing).map((layer) => ({ ...layer, chain: layer.digest }));
  const metadataBytes = bytesOf(metadata.filter(isMissing));
  return { total: layers.length, missing, metadataBytes, bytes: bytesOf(missing) + metadataBytes, exact: true };
}

export function containerdNeed(store: ContainerdStore, artifacts: readonly GatedArtifact[]): Need {
  const coming = artifacts.flatMap(({ service, repository, artifact }) =>
    missingBlobs(artifact, store).missing.map((layer) => ({ service, repository, layer })),
  );
  return { disk: store.disk, coming, prune: "k3s crictl rmi --prune there removes images that no container uses" };
}

/** How long containerd's own side for pods may take to know an image, in seconds. */
export const managedSeconds = 60;

/**
 * Shell function: waits until what runs pods knows the image under its name, which is a moment later; that label is its
 * own. Before that a pod would be refused with ErrImageNeverPull.
 */
export const managedFunction = `managed() {
  local end=$((SECONDS + ${managedSeconds}))
  until ctr_answer images ls "name==$name" | grep -q 'io\\.cri-containerd\\.image=managed'; do
    [ "$SECONDS" -lt "$end" ] || { echo "containerd has $name, but its side for pods (CRI) does not know it after ${managedSeconds} s; look at it: systemctl status k3s, k3s crictl images; then apply again" >&2; return 1; }
    sleep 0.2
  done
}`;

/**
 * Pulls and names an image, with nothing to do where it is there. Arguments: lock file, the registry's name by digest,
 * which stays, the commit's name, the digest, the names of all commits as a regular expression.
 * Prints `already there`; or `pulled` and when that began (nanoseconds since 1970), then one line a blob that the
 * content store has and had not before, with its size; or `pulled` alone where the store does not say it. Standard input
 * is a lifeline: containerd goes on by itself when a client ends, but nobody would name the image.
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
${managedFunction}
# By its files: a blob that another namespace has appears in this one without being fetched.
stored() { as_root find ${containerdRoot}/io.containerd.content.v1.content/blobs/sha256 -maxdepth 1 -type f -printf 'sha256:%f %s\\n' 2>/dev/null; }
result=
if is_whole "$reference" "$digest"; then
  result='already there'
else
  had=$(stored)
  began=$(date +%s%N)
  pull || exit
  has=$(stored)
  # Where the store is laid out in another way nobody knows.
  case $has in
    *"$digest "*) result="pulled $began"$'\\n'$(awk 'NR == FNR { had[$1] = 1; next } !($1 in had)' <(printf '%s\\n' "$had") <(printf '%s\\n' "$has")) ;;
    *) result=pulled ;;
  esac
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
managed || exit
printf '%s\\n' "$result"
`;

/** Brings an image to containerd from the registry on the same host; refuses before where the disk cannot hold it. */
export async function pullIntoContainerd(
  host: Connection,
  registryPort: number,
  wanted: WantedArtifact,
  artifact: Artifact,
  client: RegistryClient,
  say: (line: string) => void,
): Promise<{ readonly transfer?: Transfer }> {
  const { service, repository, commit } = wanted;
  const store = await readContainerdStore(host);
  const lacking = missingBlobs(artifact, store);
  say(renderMissing(lacking));
  await requireRoom("nothing was pulled", host.name, [containerdNeed(store, [{ ...wanted, artifact }])], client);
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
    const took = seconds();
    if (output.startsWith("already there")) {
      say(`${repository}@${artifact.digest} was already there`);
      return {};
    }
    const { began, fetched } = parsePulled(output, artifact);
    const measurement = { host, store: "containerd", began, fetched, expectedBytes: lacking.bytes } as const;
    const measured = await measureFetched(measurement, say);
    say(`delivered ${artifact.digest} in ${took} s`);
    return { transfer: { bytes: measured, seconds: took } };
  } finally {
    clearInterval(silence);
  }
}

/** Only what is of the artifact: other images may come at the same time. */
export function parsePulled(
  output: string,
  { digest, manifestDigest, configDigest, layers }: Artifact,
): { readonly began: string; readonly fetched: Fetched | undefined } {
  const [head = "", ...lines] = output.trim().split("\n");
  const began = /^pulled (\d+)$/.exec(head)?.[1];
  const stored = lines.map((line) => /^(sha256:[0-9a-f]{64}) (\d+)$/.exec(line));
  if (began === undefined || stored.includes(null)) return { began: "0", fetched: undefined };
  const own = new Set<string>([digest, manifestDigest, configDigest, ...layers.map((layer) => layer.digest)]);
  const blobs = stored.flatMap((found) => {
    const [, name = "", size = ""] = found ?? [];
    return own.has(name) ? [{ digest: name, size: Number(size) }] : [];
  });
  return { began, fetched: { blobs, metadataBytes: 0 } };
}
