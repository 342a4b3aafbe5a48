import type { Connection } from "../config/hosts.ts";
import { kubeScript } from "./kubectl.ts";
import { revisionsOf } from "./rollout.ts";
import type { K3sTarget } from "./target.ts";

/** What others wrote, as lines of a log. */
const clean = String.raw`clean() { tr -c '[:print:]\n' ' ' | cut -c1-240 | sed 's/^/  | /'; }`;

/** At most this many pods are described; more would say the same. */
const describedPods = 6;

/** Events and last lines only: a pod's description would show its environment. */
const describeScript = String.raw`
namespace=$1
shift
${clean}
for pod in "$@"; do
  echo "events of pod $pod:"
  kube -n "$namespace" get events --sort-by=.lastTimestamp --field-selector "involvedObject.kind=Pod,involvedObject.name=$pod" \
    -o go-template='{{range .items}}{{.reason}}: {{.message}}{{"\n"}}{{end}}' 2>&1 | tail -n 6 | clean
  lines=$(kube -n "$namespace" logs "$pod" --tail=10 --limit-bytes=16384 2>&1)
  case $lines in '' | *'is waiting to start'*) lines=$(kube -n "$namespace" logs "$pod" --previous --tail=10 --limit-bytes=16384 2>/dev/null) ;; esac
  [ -n "$lines" ] || continue
  echo "last lines of pod $pod:"
  printf '%s\n' "$lines" | clean
done
`;

/** Why pods do not come, in Kubernetes' and their own words: for the log of an apply. */
export async function describePods(host: Connection, target: K3sTarget, pods: readonly string[]): Promise<string[]> {
  const words = [target.namespace, ...pods.slice(0, describedPods)];
  if (pods.length === 0) return [];
  const output = await kubeScript(host, target, "read the pods' events", describeScript, words, {
    timeoutSeconds: 120,
  });
  return output.split("\n").filter((line) => line !== "");
}

/** Of what makes the pods: no pod has these events, because there is none. */
const workloadScript = String.raw`
namespace=$1
shift
${clean}
while [ $# -gt 0 ]; do
  echo "Deployment $1 has fewer pods than it wants:"
  kube -n "$namespace" get "deployment/$1" -o go-template='{{range .status.conditions}}{{if eq .type "ReplicaFailure"}}{{.reason}}: {{.message}}{{"\n"}}{{end}}{{end}}' 2>&1 | clean
  [ "$2" = - ] || kube -n "$namespace" get events --sort-by=.lastTimestamp \
    --field-selector "involvedObject.kind=ReplicaSet,involvedObject.name=$2,reason=FailedCreate" \
    -o go-template='{{range .items}}{{.reason}}: {{.message}}{{"\n"}}{{end}}' 2>&1 | tail -n 4 | clean
  shift 2
done
`;

/** Why pods are not even made. */
export async function describeWorkloads(
  host: Connection,
  target: K3sTarget,
  workloads: readonly string[],
): Promise<string[]> {
  if (workloads.length === 0) return [];
  const revisions = await revisionsOf(host, target);
  const words = workloads.flatMap((name) => {
    const [newest] = [...(revisions.get(name) ?? [])].sort((left, right) => right.revision - left.revision);
    return [name, newest?.name ?? "-"];
  });
  const output = await kubeScript(host, target, "read why pods were not made", workloadScript, [
    target.namespace,
    ...words,
  ]);
  return output.split("\n").filter((line) => line !== "");
}
