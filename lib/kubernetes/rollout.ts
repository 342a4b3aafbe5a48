import * as z from "zod";
import type { Connection } from "../config/hosts.ts";
import { kubeScript } from "./kubectl.ts";
import { type KnownCommits, type Revision, wayBack } from "./revisions.ts";
import type { K3sTarget } from "./target.ts";

const revisionTemplate = `{{range .items}}{{range .metadata.ownerReferences}}{"owner":{{printf "%q" .name}}{{end}},"revision":{{or (index .metadata.annotations "deployment.kubernetes.io/revision") 0}},"ready":{{or .status.readyReplicas 0}},"commit":"{{range .spec.template.spec.containers}}{{range .env}}{{if eq .name "UNIDESK_DEPLOY_REQUESTED_COMMIT"}}{{or .value ""}}{{end}}{{end}}{{end}}"}
{{end}}`;

const RevisionLine = z.object({ owner: z.string(), revision: z.number(), ready: z.number(), commit: z.string() });

async function revisionsOf(host: Connection, target: K3sTarget): Promise<ReadonlyMap<string, readonly Revision[]>> {
  const { namespace, workloads } = target;
  const script = 'kube -n "$1" get replicasets -o go-template="$2"';
  const output = await kubeScript(host, target, `look at the revisions in ${namespace}`, script, [
    namespace,
    revisionTemplate,
  ]);
  const lines = output
    .split("\n")
    .filter((line) => line.startsWith('{"owner"'))
    .map((line) => RevisionLine.parse(JSON.parse(line)));
  return new Map(workloads.map(({ name }) => [name, lines.filter(({ owner }) => owner === name)]));
}

/** What became of one workload. */
export interface WentBack {
  readonly workload: string;
  readonly to: "revision" | "no pods" | "nowhere";
  /** Commit of that revision, where it says one. */
  readonly commit?: string;
}

const undoScript = `
while [ $# -gt 0 ]; do
  if [ "$3" = 0 ]; then
    kube -n "$1" scale "deployment/$2" --replicas=0 >&2 || exit
  else
    kube -n "$1" rollout undo "deployment/$2" --to-revision="$3" >&2 || exit
  fi
  shift 3
done
`;

/** Tells Kubernetes to go back with every workload of a service; does not wait for it. */
export async function undoRollout(host: Connection, target: K3sTarget, commits: KnownCommits): Promise<WentBack[]> {
  const revisions = await revisionsOf(host, target);
  const words: string[] = [];
  const went = target.workloads.map(({ name }): WentBack => {
    const way = wayBack(revisions.get(name) ?? [], commits);
    if (way === "leave") return { workload: name, to: "nowhere" };
    words.push(target.namespace, name, way === "scale-to-zero" ? "0" : String(way.revision.revision));
    if (way === "scale-to-zero") return { workload: name, to: "no pods" };
    const { commit } = way.revision;
    return { workload: name, to: "revision", ...(commit ? { commit } : {}) };
  });
  if (words.length > 0) await kubeScript(host, target, "undo the rollout", undoScript, words, { timeoutSeconds: 180 });
  return went;
}

/** Makes new pods of the same revision, each before an old one goes. */
export async function restartWorkloads(
  host: Connection,
  target: K3sTarget,
  workloads: readonly string[],
): Promise<void> {
  const script =
    'namespace=$1; shift; for name in "$@"; do kube -n "$namespace" rollout restart "deployment/$name" >&2 || exit; done';
  await kubeScript(host, target, "restart the pods", script, [target.namespace, ...workloads], { timeoutSeconds: 180 });
}

/** At most this many pods are described; more would say the same. */
const describedPods = 6;

/** Events and last lines only: a pod's description would show its environment. */
const describeScript = String.raw`
namespace=$1
shift
clean() { tr -c '[:print:]\n' ' ' | cut -c1-240 | sed 's/^/  | /'; }
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
