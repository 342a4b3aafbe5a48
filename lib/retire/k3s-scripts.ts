import { holderFunctions } from "../deploy-job/holder.ts";
import { historyFunctions } from "../history/append.ts";
import { kubeconfigOption } from "../kubernetes/kubeconfig.ts";
import { asRootFunction } from "../ssh/as-root.ts";

/** `<kind> <name> <uid>` and the images of a Deployment, one line an object. */
const objectsTemplate =
  "{{range .items}}{{.kind}} {{.metadata.name}} {{.metadata.uid}}{{if eq .kind `Deployment`}}{{range .spec.template.spec.containers}} {{.image}}{{end}}{{end}}\n{{end}}";

/** `retire_objects NAMESPACE NAME...` with the command in `kubectl_words`: Deployments and Services of these names. */
const functions = `${asRootFunction}
retire_kubectl() { as_root timeout -k 2 "$kubectl_seconds" $kubectl_words ${kubeconfigOption} "$@"; }
retire_objects() {
  local namespace=$1 name words=
  shift
  for name in "$@"; do words="$words deployments.apps/$name services/$name"; done
  retire_kubectl -n "$namespace" get --request-timeout=10s --ignore-not-found -o go-template='${objectsTemplate}' $words
}
`;

/** What is there of one service. Arguments: kubectl, namespace, names. */
export const k3sLookScript = `set -u
kubectl_words=$1 kubectl_seconds=20
shift
${functions}
retire_objects "$@"
`;

/**
 * Deletes Deployments and Services by name, the Services first: a cut leaves what says its commit. Waits until the pods
 * are gone. Namespace, Secrets, ConfigMaps, claims and images stay.
 *
 * Arguments: run id, operator, service, commit, kubectl, namespace, lock, history file, the history line without its end,
 * what the look printed, how many names, the names, then the receipts.
 */
export const k3sRetireScript = `set -u
export LC_ALL=C PATH="$PATH:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/snap/bin"
umask 077
run=$1 operator=$2 service=$3 commit=$4 kubectl_words=$5 namespace=$6 lock=$7 history=$8 line=$9
shift 9
expected=$1 count=$2 kubectl_seconds=20
shift 2
names=("\${@:1:$count}")
shift "$count"
${functions}
${holderFunctions}
${historyFunctions}
refuse() { say "$1"; say "remedy: $2"; exit 1; }
mkdir -p "$(dirname "$lock")"
exec 9>>"$lock" || exit 1
flock -n 9 || refuse "a deployment of $service is at work: $(describe_holder "$(head -n 1 "$lock")")" "wait until it ended, then retire again"
holder_line "$run" "$service" "$commit" "$operator" > "$lock"
current=$(retire_objects "$namespace" "\${names[@]}") || refuse "the Kubernetes API gives no answer" "systemctl status k3s on the host"
[ "$current" = "$expected" ] || refuse "the Deployments or Services of $service are others than a moment ago" "retire again"
# From here on a lost connection must not leave half of it.
trap '' HUP INT TERM PIPE
if [ -n "$current" ]; then
  kubectl_seconds=200
  retire_kubectl -n "$namespace" delete services "\${names[@]}" --ignore-not-found --timeout=30s 9>&- >&2 || exit 1
  # In the foreground: a Deployment is gone when the last of its pods is.
  retire_kubectl -n "$namespace" delete deployments.apps "\${names[@]}" --ignore-not-found --cascade=foreground --timeout=180s 9>&- >&2 ||
    refuse "pods of $service did not end in 180 s" "on the host: $kubectl_words -n $namespace get pods; then retire again"
fi
rm -f -- "$@" || exit 1
[ -z "$current" ] || append_history "$history" "$line,\\"finishedAt\\":\\"$(date -u +%FT%TZ)\\"}"
`;
