import type { Connection } from "../config/hosts.ts";
import { type DeliveryRecord, deliveryPath, parseDeliveryRecord, writeDeliveryRecord } from "../delivery/record.ts";
import { asRootFunction } from "../ssh/as-root.ts";
import { mustRun } from "../ssh/script.ts";
import { clusterImage } from "./target.ts";

/** Where k3s keeps what containerd has; only root looks into it. */
export const containerdRoot = "/var/lib/rancher/k3s/agent/containerd";

/**
 * Shell functions about k3s's containerd. They need `as_root`. k3s brings a client of its own; where it runs from a
 * distribution's parts there is containerd's.
 *
 * cluster_ctr SECONDS ARGUMENT...; ctr_answer ARGUMENT...: with a bound for looks;
 * digest_of NAME: what an image name means, nothing where there is no such name.
 */
export const containerdFunctions = `
cluster_ctr() {
  local seconds=$1 k3s
  shift
  set -- ctr -a /run/k3s/containerd/containerd.sock -n k8s.io "$@"
  if k3s=$(PATH="$PATH:/usr/local/bin" command -v k3s); then set -- "$k3s" "$@"; fi
  as_root timeout "$seconds" "$@"
}
ctr_answer() { cluster_ctr 30 "$@"; }
digest_of() { ctr_answer images ls "name==$1" | awk -v name="$1" '$1 == name { print $3 }'; }
`;

/** The delivery record of an image in containerd; Docker's on the same host is another one. */
export function containerdRecordPath(host: Pick<Connection, "home">, service: string, commit: string): string {
  return deliveryPath(host, inContainerd(service), commit);
}

export async function writeContainerdRecord(
  host: Connection,
  service: string,
  commit: string,
  record: DeliveryRecord,
): Promise<void> {
  await writeDeliveryRecord(host, inContainerd(service), commit, record);
}

/** No service has a name with a slash. */
function inContainerd(service: string): string {
  return `containerd/${service}`;
}

const deliveredScript = `
${asRootFunction}
${containerdFunctions}
digest=$(set -o pipefail; digest_of "$1") || { echo "containerd gives no answer" >&2; exit 1; }
printf '%s\\n' "$digest"
if [ -f "$2" ]; then cat -- "$2"; fi
`;

/** The digest that containerd has under a commit's name, with what its delivery recorded. */
export async function readContainerdImage(
  host: Connection,
  registryPort: number,
  service: string,
  commit: string,
): Promise<{ readonly digest: string; readonly record: DeliveryRecord | undefined } | undefined> {
  const args = [clusterImage(registryPort, service, commit), containerdRecordPath(host, service, commit)];
  const output = await mustRun(host, `look for image ${args[0]} in containerd`, deliveredScript, args);
  const [digest = "", ...record] = output.split("\n");
  return digest === "" ? undefined : { digest, record: parseDeliveryRecord(record.join("\n")) };
}

/**
 * Whether an image is proven without the registry. Its record was written after manifest, digest and labels had been
 * verified, so that the same content needs no further proof.
 */
export function isProvenInContainerd(
  wanted: { readonly digest?: string },
  image: Awaited<ReturnType<typeof readContainerdImage>>,
): boolean {
  if (!image || image.record?.digest !== image.digest) return false;
  return wanted.digest === undefined || wanted.digest === image.digest;
}
