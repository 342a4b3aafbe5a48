import * as z from "zod";
import type { Connection } from "../config/hosts.ts";
import { restartedAnnotation } from "../labels.ts";
import { parseGoJson } from "./go-json.ts";
import { kubeScript } from "./kubectl.ts";
import { type KnownCommits, type Revision, type WayBack, wayBack } from "./revisions.ts";
import { clusterImage, type K3sTarget } from "./target.ts";

/** Prints the image of the container that is called like the Deployment `$own`, else of the first, in a pod's template. */
const ownImage = `{{$image := ""}}{{range $i, $c := .spec.template.spec.containers}}{{if or (eq $i 0) (eq $c.name $own)}}{{$image = $c.image}}{{end}}{{end}}`;

const revisionTemplate = `{{range .items}}{{$own := ""}}{{range .metadata.ownerReferences}}{{if eq .kind "Deployment"}}{{$own = .name}}{"owner":{{printf "%q" .name}}{{end}}{{end}}${ownImage},"name":{{printf "%q" .metadata.name}},"image":{{printf "%q" $image}},"revision":{{$revision := ""}}{{with .metadata.annotations}}{{$revision = or (index . "deployment.kubernetes.io/revision") ""}}{{end}}{{printf "%q" $revision}},"ready":{{or .status.readyReplicas 0}},"commit":{{$commit := ""}}{{range .spec.template.spec.containers}}{{range .env}}{{if eq .name "UNIDESK_DEPLOY_REQUESTED_COMMIT"}}{{$commit = or .value ""}}{{end}}{{end}}{{end}}{{printf "%q" $commit}}}
{{end}}`;

const RevisionLine = z.object({
  owner: z.string(),
  name: z.string(),
  image: z.string(),
  // Kubernetes numbers what it makes; another text is somebody else's.
  revision: z.coerce.number().catch(0),
  ready: z.number(),
  commit: z.string(),
});

/** The revisions of each workload. */
export async function revisionsOf(
  host: Connection,
  target: K3sTarget,
): Promise<ReadonlyMap<string, readonly Revision[]>> {
  const { namespace, workloads } = target;
  const script = 'kube -n "$1" get replicasets -o go-template="$2"';
  const output = await kubeScript(host, target, `look at the revisions in ${namespace}`, script, [
    namespace,
    revisionTemplate,
  ]);
  const lines = output
    .split("\n")
    .filter((line) => line.startsWith('{"owner"'))
    .map((line) => RevisionLine.parse(parseGoJson(line)));
  // What is not numbered is nothing to go back to.
  const own = (name: string) => lines.filter(({ owner, revision }) => owner === name && revision > 0);
  return new Map(workloads.map(({ name }) => [name, own(name)]));
}

/** What became of one workload. */
export interface WentBack {
  readonly workload: string;
  /** `somebody else's`: it names another image by now, and was left alone. */
  readonly to: "revision" | "no pods" | "nowhere" | "somebody else's";
  /** Commit of that revision, where it says one. */
  readonly commit?: string;
}

/** Where each workload goes back to. */
export type WaysBack = readonly { readonly workload: string; readonly way: WayBack }[];

/** Judged once: after a part of it was done the revisions say something else. */
export async function waysBack(host: Connection, target: K3sTarget, commits: KnownCommits): Promise<WaysBack> {
  const revisions = await revisionsOf(host, target);
  return target.workloads.map(({ name }) => ({
    workload: name,
    way: wayBack(name, revisions.get(name) ?? [], commits),
  }));
}

/**
 * Arguments: namespace, image that failed, then of each workload its name, the ReplicaSet to go back to (0 for no pods, -
 * for nothing to be done), and that one's image. What Terraform applies is under no lock, so each Deployment is looked at
 * just before. Prints the names of those that name neither image. A paused Deployment can be rolled back by nobody, so it
 * is resumed before. Whatever was done already is done no more, so that it can be tried again.
 */
const undoScript = `
namespace=$1 failed=$2
shift 2
template='{{$own := .metadata.name}}${ownImage}{{$image}} {{or .spec.paused false}}'
while [ $# -gt 0 ]; do
  found=$(kube -n "$namespace" get "deployment/$1" --ignore-not-found -o go-template="$template") || exit
  image=\${found%% *}
  if [ "$image" != "$failed" ]; then
    [ "$image" = "$3" ] || printf '%s\\n' "$1"
  elif [ "$2" = 0 ]; then
    kube -n "$namespace" scale "deployment/$1" --replicas=0 >&2 || exit
  elif [ "$2" != - ]; then
    [ "\${found#* }" != true ] || kube -n "$namespace" rollout resume "deployment/$1" >&2 || exit
    revision=$(kube -n "$namespace" get "replicaset/$2" -o 'jsonpath={.metadata.annotations.deployment\\.kubernetes\\.io/revision}') || exit
    kube -n "$namespace" rollout undo "deployment/$1" --to-revision="$revision" >&2 || exit
  fi
  shift 3
done
`;

/** Tells Kubernetes to go back with every workload of a service; does not wait for it. */
export async function undoRollout(
  host: Connection,
  { namespace, registryPort, ...target }: K3sTarget,
  { service, commit }: { readonly service: string; readonly commit: string },
  ways: WaysBack,
): Promise<WentBack[]> {
  const words = ways.flatMap(({ workload, way }) => [workload, ...wordsOf(way)]);
  const args = [namespace, clusterImage(registryPort, service, commit), ...words];
  const output = await kubeScript(host, target, "undo the rollout", undoScript, args, { timeoutSeconds: 180 });
  const others = new Set(output.split("\n"));
  return ways.map(({ workload, way }): WentBack => {
    if (others.has(workload)) return { workload, to: "somebody else's" };
    if (way === "leave") return { workload, to: "nowhere" };
    if (way === "scale-to-zero") return { workload, to: "no pods" };
    return { workload, to: "revision", ...(way.revision.commit ? { commit: way.revision.commit } : {}) };
  });
}

function wordsOf(way: WayBack): readonly [replicaSet: string, image: string] {
  if (way === "leave") return ["-", ""];
  return way === "scale-to-zero" ? ["0", ""] : [way.revision.name, way.revision.image];
}

/** Lets Kubernetes go on with what somebody paused; what is not paused is left alone, so that it can be tried again. */
export async function resumeWorkloads(
  host: Connection,
  target: K3sTarget,
  workloads: readonly string[],
): Promise<void> {
  const script = `
namespace=$1
shift
for name in "$@"; do
  paused=$(kube -n "$namespace" get "deployment/$name" -o 'jsonpath={.spec.paused}') || exit
  [ "$paused" != true ] || kube -n "$namespace" rollout resume "deployment/$name" >&2 || exit
done
`;
  await kubeScript(host, target, "resume the rollouts", script, [target.namespace, ...workloads], {
    timeoutSeconds: 300,
  });
}

/** Makes new pods of the same revision, each before an old one goes; tried again it may make them once more. */
export async function restartWorkloads(
  host: Connection,
  target: K3sTarget,
  workloads: readonly string[],
): Promise<void> {
  const script = `
namespace=$1
shift
patch="{\\"spec\\":{\\"template\\":{\\"metadata\\":{\\"annotations\\":{\\"${restartedAnnotation}\\":\\"$(date -u +%FT%T.%NZ)\\"}}}}}"
for name in "$@"; do
  kube -n "$namespace" patch "deployments.apps/$name" --field-manager=unidesk --type=merge -p "$patch" >&2 || exit
done
`;
  await kubeScript(host, target, "restart the pods", script, [target.namespace, ...workloads], { timeoutSeconds: 180 });
}
