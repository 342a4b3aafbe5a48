import * as z from "zod";
import { parseGoJson } from "./go-json.ts";
import { kubeconfigOption } from "./kubeconfig.ts";

/**
 * Needed fields and no others, one JSON object a line: an object as a whole would show other people's environment. What
 * is not there has no `index`: one foreign pod without labels would end the whole look. Of several containers, such as one
 * that a webhook put beside it, the one that is called like the Deployment counts, else the first; what a pod says of them
 * is sorted by their names.
 */
const template = `{{define "container"}}{{$own := .metadata.name}}{{$spec := .spec}}{{if eq .kind "Deployment"}}{{$spec = .spec.template.spec}}{{else}}{{with .metadata.labels}}{{$own = or (index . "app") ""}}{{end}}{{end}}{{$name := ""}}{{range $i, $c := $spec.containers}}{{if or (eq $i 0) (eq $c.name $own)}}{{$name = $c.name}}{{end}}{{end}}{{range .status.containerStatuses}}{{if eq .name $name}}"ready":{{.ready}},"restarts":{{.restartCount}},"waiting":{{$waiting := ""}}{{if .state.waiting}}{{$waiting = or .state.waiting.reason ""}}{{end}}{{printf "%q" $waiting}},"imageId":{{printf "%q" (or .imageID "")}},{{end}}{{end}}{{range $spec.containers}}{{if eq .name $name}}{{$commit := ""}}{{range .env}}{{if eq .name "UNIDESK_DEPLOY_REQUESTED_COMMIT"}}{{$commit = or .value ""}}{{end}}{{end}}"image":{{printf "%q" .image}},"requestedCommit":{{printf "%q" $commit}}{{end}}{{end}}{{end}}{{range .items}}{"kind":{{printf "%q" .kind}},"namespace":{{printf "%q" .metadata.namespace}},"name":{{printf "%q" .metadata.name}}{{if eq .kind "Deployment"}},"version":{{printf "%q" .metadata.resourceVersion}},"generation":{{.metadata.generation}},"selector":[{{range $key, $value := .spec.selector.matchLabels}}{{printf "%q" (printf "%s=%s" $key $value)}},{{end}}{{range .spec.selector.matchExpressions}}{{printf "%q" (printf "%s %s %v" .key .operator (or .values ""))}},{{end}}null],"observedGeneration":{{or .status.observedGeneration 0}},"replicas":{{.spec.replicas}},"paused":{{or .spec.paused false}},"unmanaged":[{{with .spec.template.spec}}{{if .initContainers}}"initContainers",{{end}}{{if .hostAliases}}"hostAliases",{{end}}{{if .readinessGates}}"readinessGates",{{end}}{{end}}null],"volumes":[{{range .spec.template.spec.volumes}}{{printf "%q" .name}},{{end}}null],"total":{{or .status.replicas 0}},"updated":{{or .status.updatedReplicas 0}},"available":{{or .status.availableReplicas 0}},"refused":{{$refused := ""}}{{range .status.conditions}}{{if and (eq .type "ReplicaFailure") (eq .status "True")}}{{$refused = or .message "no reason given"}}{{end}}{{end}}{{printf "%q" $refused}},{{template "container" .}}{{else if eq .kind "Service"}},"version":{{printf "%q" .metadata.resourceVersion}},"ports":[{{range $i, $p := .spec.ports}}{{if $i}},{{end}}{{$p.port}}{{end}}]{{else if eq .kind "EndpointSlice"}},"service":"{{with .metadata.labels}}{{or (index . "kubernetes.io/service-name") ""}}{{end}}","ready":[{{range $i, $e := .endpoints}}{{if $i}},{{end}}{{or $e.conditions.ready false}}{{end}}]{{else if eq .kind "Pod"}},"app":"{{with .metadata.labels}}{{or (index . "app") ""}}{{end}}","phase":{{printf "%q" (or .status.phase "")}},"ending":{{if .metadata.deletionTimestamp}}true{{else}}false{{end}},{{template "container" .}}{{end}}}
{{end}}`;

/**
 * Looks at workloads through the Kubernetes API, as root: bash -c THIS look KUBECTL "NAMESPACE WORKLOAD PORT PATH"...
 * Prints `item <JSON>`, `namespace <name> there|ending` for each that is there, `scaled <namespace> <Deployment>` where an
 * autoscaler sets its replicas, and `reply <key> <status> <base64>`.
 *
 * One kubectl serves all requests for health on a socket in a folder of root's own: one process a request would cost
 * more than everything else. Whatever ends the script ends it too.
 */
export const clusterLookScript = String.raw`
set -u
export LC_ALL=C
kubectl=$1
shift
work=$(mktemp -d) || exit 1
proxy=
trap '[ -z "$proxy" ] || kill "$proxy" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 143' TERM INT HUP
template='${template.replaceAll("'", "'\\''")}'
namespaces=$(printf '%s\n' "$@" | cut -d' ' -f1 | sort -u)
$kubectl ${kubeconfigOption} proxy --unix-socket="$work/api" >/dev/null 2>"$work/proxy" &
proxy=$!
for namespace in $namespaces; do
  $kubectl ${kubeconfigOption} --request-timeout=30s -n "$namespace" get deployments,services,endpointslices,pods -o go-template="$template" \
    > "$work/items.$namespace" 2> "$work/error.$namespace" &
  eval "get_$(printf %s "$namespace" | tr -c 'a-z0-9' _)=\$!"
done
for namespace in $namespaces; do
  eval "wait \$get_$(printf %s "$namespace" | tr -c 'a-z0-9' _)" || { cat "$work/error.$namespace" >&2; exit 1; }
done
until [ -S "$work/api" ]; do
  kill -0 "$proxy" 2>/dev/null || { cat "$work/proxy" >&2; exit 1; }
  sleep 0.01
done
api() { curl -sS --unix-socket "$work/api" --max-time 8 --max-filesize 1048576 "$@"; }
for namespace in $namespaces; do
  status=$(api -o "$work/namespace" -w '%{http_code}' "http://localhost/api/v1/namespaces/$namespace" 2>&1) || { printf '%s\n' "$status" >&2; exit 1; }
  case $status in
    200)
      phase=there
      # Text inside an annotation has its quotes escaped.
      ! grep -q '"phase": *"Terminating"' "$work/namespace" || phase=ending
      printf 'namespace %s %s\n' "$namespace" "$phase"
      ;;
    404) ;;
    *) echo "the namespace $namespace cannot be looked at: HTTP $status" >&2; exit 1 ;;
  esac
done
# Where that API gives no answer nothing is known of autoscalers, and everything else is.
for namespace in $namespaces; do
  api "http://localhost/apis/autoscaling/v1/namespaces/$namespace/horizontalpodautoscalers?pretty=true" 2>/dev/null |
    awk -F'"' -v namespace="$namespace" '$2 == "scaleTargetRef" { on = 1 } on && $2 == "kind" { kind = $4 } on && $2 == "name" { name = $4 } on && /}/ { if (kind == "Deployment") print "scaled", namespace, name; on = 0 }'
done
# ask KEY PATH. The proxy serves nobody who names another host than this one.
ask() {
  local status
  status=$(api -o "$work/body.$1" -w '%{http_code}' "http://localhost/api/v1/namespaces/$2" 2>/dev/null) || status=0
  printf 'reply %s %s ' "$1" "$status" > "$work/reply.$1"
  { [ ! -f "$work/body.$1" ] || head -c 65536 "$work/body.$1" | base64 -w0; echo; } >> "$work/reply.$1"
}
for words in "$@"; do
  read -r namespace workload port path <<< "$words"
  ask "service.$namespace.$workload" "$namespace/services/$workload:$port/proxy$path" &
  for pod in $(awk -v app="\"app\":\"$workload\"" 'index($0, app) && match($0, /"name":"[^"]*"/) { print substr($0, RSTART + 8, RLENGTH - 9) }' "$work/items.$namespace"); do
    ask "pod.$namespace.$pod" "$namespace/pods/$pod:$port/proxy$path" &
  done
done
for job in $(jobs -p); do [ "$job" = "$proxy" ] || wait "$job"; done
for namespace in $namespaces; do sed 's/^/item /' "$work/items.$namespace"; done
cat "$work"/reply.* 2>/dev/null
exit 0
`;

/** A template that goes through a map cannot tell the last one, and ends each list with null. */
const Words = z.array(z.string().nullable()).transform((words) => words.filter((word) => word !== null));

const Item = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("Deployment"),
    namespace: z.string(),
    name: z.string(),
    version: z.string(),
    generation: z.number(),
    selector: Words,
    observedGeneration: z.number(),
    replicas: z.number(),
    paused: z.boolean(),
    unmanaged: Words,
    volumes: Words,
    total: z.number(),
    updated: z.number(),
    available: z.number(),
    refused: z.string(),
    image: z.string(),
    requestedCommit: z.string(),
  }),
  z.object({
    kind: z.literal("Service"),
    namespace: z.string(),
    name: z.string(),
    version: z.string(),
    ports: z.array(z.number()),
  }),
  z.object({
    kind: z.literal("EndpointSlice"),
    namespace: z.string(),
    service: z.string(),
    ready: z.array(z.boolean()),
  }),
  z.object({
    kind: z.literal("Pod"),
    namespace: z.string(),
    name: z.string(),
    app: z.string(),
    phase: z.string(),
    ending: z.boolean(),
    ready: z.boolean().default(false),
    restarts: z.number().default(0),
    waiting: z.string().default(""),
    imageId: z.string().default(""),
    image: z.string(),
    requestedCommit: z.string(),
  }),
]);
export type ClusterItem = z.infer<typeof Item>;

export interface ClusterReply {
  readonly status: number;
  readonly body: string;
}

export interface ClusterAnswer {
  /** Those that are there. */
  readonly namespaces: ReadonlyMap<string, "there" | "ending">;
  readonly items: readonly ClusterItem[];
  /** `<namespace>/<Deployment>` whose replicas an autoscaler sets. */
  readonly scaled: ReadonlySet<string>;
  readonly replies: ReadonlyMap<string, ClusterReply>;
}

export function replyKey(kind: "service" | "pod", namespace: string, name: string): string {
  return `${kind}.${namespace}.${name}`;
}

/** Reads what `clusterLookScript` printed. */
export function parseClusterLook(output: string): ClusterAnswer {
  const namespaces = new Map<string, "there" | "ending">();
  const items: ClusterItem[] = [];
  const scaled = new Set<string>();
  const replies = new Map<string, ClusterReply>();
  for (const line of output.split("\n").filter(Boolean)) {
    const [word, first = "", status = "0", body = ""] = line.split(" ");
    if (word === "item") items.push(Item.parse(parseGoJson(line.slice("item ".length))));
    else if (word === "namespace") namespaces.set(first, status === "ending" ? "ending" : "there");
    else if (word === "scaled") scaled.add(`${first}/${status}`);
    else if (word === "reply") {
      replies.set(first, { status: Number(status), body: Buffer.from(body, "base64").toString("utf8") });
    } else throw new Error(`the look at the cluster printed: ${line.slice(0, 80)}`);
  }
  return { namespaces, items, scaled, replies };
}
