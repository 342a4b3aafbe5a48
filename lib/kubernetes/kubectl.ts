import type { Connection } from "../config/hosts.ts";
import { InfraBlockedError, UserError } from "../errors.ts";
import { asRootFunction } from "../ssh/as-root.ts";
import { lastLines, type RemoteOptions, runScript } from "../ssh/run.ts";
import { kubeconfigOption } from "./kubeconfig.ts";
import type { ClusterTarget } from "./target.ts";

/** What kubectl says where the API cannot be asked at all, or what is behind it gives no answer now. */
const silentApi =
  /etcdserver:|Error from server \((?:Timeout|TooManyRequests)\)|database is locked|transport is closing|connection to the server .* was refused|connection refused|Unable to connect to the server|i\/o timeout|TLS handshake timeout|ServiceUnavailable|apiserver not ready|the server is currently unable|no such file or directory.*k3s\.yaml/i;

/**
 * Runs a bash script on a cluster's host that calls `kube ARGUMENT...`; returns its standard output. Throws
 * InfraBlockedError where the API gives no answer. `purpose` completes the sentence "<host>: could not …".
 */
export async function kubeScript(
  host: Connection,
  { kubectl }: ClusterTarget,
  purpose: string,
  script: string,
  args: readonly string[] = [],
  options: RemoteOptions = {},
): Promise<string> {
  const text = `set -u
export LC_ALL=C
kubectl=$1
shift
${asRootFunction}
kube() { as_root timeout 30 $kubectl ${kubeconfigOption} --request-timeout=20s "$@"; }
${script}`;
  const { exitCode, stdout, stderr } = await runScript(host, text, [kubectl, ...args], options);
  if (exitCode === 0) return stdout;
  const what = `${host.name}: could not ${purpose} (exit ${exitCode})`;
  const found = lastLines(stderr, 8) || "no output on standard error";
  if (exitCode === 124 || silentApi.test(stderr)) throw silentCluster(host.name, found, what);
  throw new UserError({ what, found });
}

export function silentCluster(
  host: string,
  found: string,
  what = `${host}: the Kubernetes API gives no answer`,
): Error {
  const remedy = `ssh to ${host} and read: systemctl status k3s`;
  return new InfraBlockedError({ what, found, remedy }, [`${host}:kubernetes`]);
}

/** Whether it had to be made. One that is being deleted is waited for, and that is said. Two that make it at once are both right. */
export async function ensureNamespace(
  host: Connection,
  cluster: ClusterTarget,
  namespace: string,
  say: (line: string) => void,
): Promise<boolean> {
  const script = `
for second in $(seq 60); do
  phase=$(kube get namespace "$1" --ignore-not-found -o 'jsonpath={.status.phase}') || exit
  [ "$phase" = Terminating ] || break
  [ "$second" != 1 ] || echo "namespace $1 is being deleted by somebody; waiting for its end" >&2
  sleep 1
done
[ "$phase" != Terminating ] || { echo "it is still being deleted after 60 s" >&2; exit 1; }
[ -z "$phase" ] || exit 0
said=$(kube create namespace "$1" 2>&1) && { echo created; exit 0; }
code=$?
case $said in *AlreadyExists* | *"already exists"*) exit 0 ;; esac
printf '%s\\n' "$said" >&2
exit "$code"
`;
  const output = await kubeScript(host, cluster, `ensure the namespace ${namespace}`, script, [namespace], {
    timeoutSeconds: 120,
    onProgress: say,
  });
  return output.includes("created");
}
