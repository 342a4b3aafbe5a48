import type { Connection } from "../config/hosts.ts";
import { kubeScript } from "./kubectl.ts";
import { revisionsOf } from "./rollout.ts";
import type { K3sTarget } from "./target.ts";

/** What others wrote, as lines of a log. */
const clean = String.raw`clean() { tr -c '[:print:]\n' ' ' | cut -c1-240 | sed 's/^/  | /'; }`;

/** At most this many pods are described; more would say the same. */
const describedPods = 6;

/** `secret/<name>` of each Secret that a pod reads as environment or as files. */
const secretsTemplate = `{{define "of"}}{{range .}}{{range .envFrom}}{{with .secretRef}}secret/{{.name}} {{end}}{{end}}{{range .env}}{{with .valueFrom}}{{with .secretKeyRef}}secret/{{.name}} {{end}}{{end}}{{end}}{{end}}{{end}}{{template "of" .spec.containers}}{{template "of" .spec.initContainers}}{{range .spec.volumes}}{{with .secret}}secret/{{.secretName}} {{end}}{{with .projected}}{{range .sources}}{{with .secret}}secret/{{.name}} {{end}}{{end}}{{end}}{{end}}`;

/** Values as base64, one a line; kubectl makes no list of a single object. */
const valuesTemplate = `{{define "of"}}{{range .data}}{{.}}{{"\\n"}}{{end}}{{end}}{{if .items}}{{range .items}}{{template "of" .}}{{end}}{{else}}{{template "of" .}}{{end}}`;

/**
 * What a program says as it crashes may be what it was started with. `read_secrets POD` puts the lines of all values that
 * the pod reads from Secrets in `words`, the longest first; `masked TEXT` prints the text without them. Values go through
 * pipes and shell builtins only. One of less than three characters would mask everything and hide nothing.
 */
const masking = String.raw`
words=()
read_secrets() {
  local names values one
  words=()
  names=$(kube -n "$namespace" get "pod/$1" -o go-template='${secretsTemplate}') || return
  [ -n "$names" ] || return 0
  values=$(kube -n "$namespace" get --ignore-not-found -o go-template='${valuesTemplate}' $names) || return
  mapfile -t words < <(
    printf '%s\n' "$values" | while read -r one; do printf %s "$one" | base64 -d; echo; done | tr '\r\0' '\n\n' |
      awk '{ gsub(/^[ \t]+|[ \t]+$/, "") } length > 2 { print length, $0 }' | sort -rn -k1,1 | cut -d' ' -f2-
  )
}
masked() {
  local text=$1 word
  for word in ${"$"}{words[@]+"${"$"}{words[@]}"}; do text=${"$"}{text//"$word"/***}; done
  printf '%s\n' "$text"
}
`;

/** Events and last lines only: a pod's description would show its environment. */
const describeScript = String.raw`
namespace=$1
shift
${clean}
${masking}
for pod in "$@"; do
  echo "events of pod $pod:"
  kube -n "$namespace" get events --sort-by=.lastTimestamp --field-selector "involvedObject.kind=Pod,involvedObject.name=$pod" \
    -o go-template='{{range .items}}{{.reason}}: {{.message}}{{"\n"}}{{end}}' 2>&1 | tail -n 6 | clean
  lines=$(kube -n "$namespace" logs "$pod" --tail=10 --limit-bytes=16384 2>&1)
  case $lines in '' | *'is waiting to start'*) lines=$(kube -n "$namespace" logs "$pod" --previous --tail=10 --limit-bytes=16384 2>/dev/null) ;; esac
  [ -n "$lines" ] || continue
  read_secrets "$pod" || { echo "last lines of pod $pod: not shown, because its Secrets cannot be read"; continue; }
  # Where it was cut there may be the beginning of a value.
  [ ${"$"}{#lines} -lt 16000 ] || lines=${"$"}{lines%$'\n'*}
  echo "last lines of pod $pod:"
  masked "$lines" | clean
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
