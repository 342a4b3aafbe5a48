import { hostSecretFunctions } from "../host-secret.ts";
import { authAnnotations } from "../labels.ts";
import { asRootFunction } from "../ssh/as-root.ts";
import { kubeconfigOption } from "./kubeconfig.ts";

/** The sync that a pod template was rolled for, or `none`. */
const rolledTemplate = `{{with .spec.template.metadata.annotations}}{{or (index . "${authAnnotations.rolled}") "none"}}{{else}}none{{end}}`;

/**
 * What kubectl prints of Secret and ConfigMap: our annotations, then the data, sorted by key as templates do. Values as
 * base64 or hexadecimal digits, so that each is one word. Of a Deployment the sync of its pod template.
 */
const objectsTemplate = `{{range .items}}{{$kind := .kind}}{{if eq $kind "Deployment"}}template {{.metadata.name}} ${rolledTemplate}
{{else}}there {{$kind}}
{{range $key, $value := .metadata.annotations}}{{if eq $key "${authAnnotations.source}" "${authAnnotations.data}" "${authAnnotations.pods}"}}{{$key}} {{$kind}} {{printf "%q" $value}}
{{end}}{{end}}{{range $key, $value := .data}}data {{$kind}} {{$key}} {{if eq $kind "Secret"}}{{$value}}{{else}}{{printf "%x" $value}}{{end}}
{{end}}{{range $key, $value := .binaryData}}data {{$kind}} {{$key}} binary {{$value}}
{{end}}{{end}}{{end}}`;

/**
 * Shell functions about the objects of a sync. What they print as data stays in the variables and pipes of the host.
 * `kubectl_words` is the command, `kubectl_seconds` how long it may take.
 *
 * auth_objects NAMESPACE KIND/NAME...: live objects as the template has them; two names at least, or kubectl makes no list.
 * auth_answer ARGUMENT...: the same of an API that may be silent for a moment; three times at most.
 * auth_part WORD KIND TEXT: what follows these two words, one line an entry, an annotation without its quotes.
 * auth_templates TEXT: `<Deployment> <sync or none>` lines.
 * data_hmac NAMESPACE KIND NAME DATA: bound to the object, so that the same data elsewhere looks different.
 */
export const authTargetFunctions = `${hostSecretFunctions}
${asRootFunction}
auth_kubectl() { as_root timeout -k 2 "$kubectl_seconds" $kubectl_words ${kubeconfigOption} --request-timeout="$kubectl_seconds" "$@"; }
auth_objects() { auth_kubectl -n "$1" get --ignore-not-found -o go-template='${objectsTemplate}' "\${@:2}"; }
auth_answer() {
  local try found code
  for try in 1 2 3; do
    [ "$try" = 1 ] || sleep 1
    if found=$(auth_objects "$@"); then printf '%s\\n' "$found"; return 0; else code=$?; fi
  done
  return "$code"
}
auth_part() { printf '%s\\n' "$3" | sed -n "s|^$1 $2 ||p" | sed 's/^"\\(.*\\)"$/\\1/'; }
auth_templates() { printf '%s\\n' "$1" | sed -n 's/^template //p'; }
auth_there() { case $'\\n'$2$'\\n' in *$'\\n'"there $1"$'\\n'*) return 0 ;; esac; return 1; }
data_hmac() { printf '%s\\n' "unidesk auth $1 $2 $3" "$4" | keyed_hash; }
`;

/**
 * Makes Secret and ConfigMap hold exactly the data of standard input. Every value goes through pipes and shell builtins:
 * no file, no argument.
 *
 * A Secret is replaced, not applied: \`kubectl apply\` would keep the values in an annotation, and a server-side one
 * would leave keys of other writers in it. Where Deployments are there, whose pods have older data, the Secret says so
 * until a rollout has rolled them (auth-rollout.ts): that comes after Terraform's provider, which writes whole templates.
 *
 * Arguments: kubectl, namespace, Secret, ConfigMap, HMAC of the source, nonce, lock, then Deployments. Standard input:
 * \`data <kind> <key> <value>\` sorted as the template does, and \`json <kind> <the data as JSON>\`.
 */
export const syncAuthScript = `set -u
export LC_ALL=C PATH="$PATH:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/snap/bin"
umask 077
kubectl_words=$1 namespace=$2 secret=$3 config_map=$4 source=$5 nonce=$6 lock=$7 kubectl_seconds=20
shift 7
${authTargetFunctions}
input=$(head -c 4194304)
mkdir -p "$(dirname "$lock")" && exec 9>>"$lock" || exit 1
flock -w 120 9 || { echo "another sync holds $lock for more than 120 s" >&2; exit 75; }
live=$(auth_answer "$namespace" "secret/$secret" "configmap/$config_map" "\${@/#/deployments.apps/}") || exit 1
if [ -z "$live" ] && [ -z "$(auth_kubectl get namespace "$namespace" --ignore-not-found -o name)" ]; then
  echo "the namespace $namespace is not there" >&2
  exit 4
fi
# From here on a lost connection must not leave half of it.
trap '' HUP INT TERM PIPE
secret_data=$(auth_part data Secret "$input") config_data=$(auth_part data ConfigMap "$input")
secret_hmac=$(data_hmac "$namespace" Secret "$secret" "$secret_data") || exit 1
config_hmac=$(data_hmac "$namespace" ConfigMap "$config_map" "$config_data") || exit 1
pods=$(auth_part ${authAnnotations.pods} Secret "$live")
sync=$(printf '%s\\n' "$nonce" "$secret_hmac" "$config_hmac" | keyed_hash) || exit 1
same() { auth_there "$1" "$live" && [ "$(auth_part data "$1" "$live")" = "$2" ]; }
secret_state=unchanged config_state=unchanged
same Secret "$secret_data" || secret_state=changed
same ConfigMap "$config_data" || config_state=changed
auth_there Secret "$live" || secret_state=created
auth_there ConfigMap "$live" || config_state=created
templates=$(auth_templates "$live")
strangers=$(printf '%s\\n' "$templates" | awk 'NF && $2 != "none"')
if [ "$secret_state $config_state" != "unchanged unchanged" ]; then
  # Pods that start later read what is there then.
  pods="pending $sync"
  [ -n "$templates" ] || pods="rolled none"
elif [[ ! $pods =~ ^((pending|rolled)\\ [0-9a-f]{64}|rolled\\ none)$ ]] || { [ "$pods" = "rolled none" ] && [ -n "$strangers" ]; }; then
  # The data were there before any sync of ours: whatever runs started with them, unless it says something else.
  pods="rolled none"
  [ -z "$strangers" ] || pods="pending $sync"
fi
annotated() { [ "$(auth_part ${authAnnotations.source} "$1" "$live")" = "$source" ] && [ "$(auth_part ${authAnnotations.data} "$1" "$live")" = "$2" ]; }
# put KIND NAME VERB MORE: create or replace with the data that came in
put() {
  local kind=$1 name=$2 state=$3 hmac=$4 more=$5 type=$6 verb=replace
  [ "$state" != created ] || verb=create
  { printf '{"apiVersion":"v1","kind":"%s"%s,"metadata":{"name":"%s","namespace":"%s","annotations":{"${authAnnotations.source}":"%s","${authAnnotations.data}":"%s"%s}},"data":' "$kind" "$type" "$name" "$namespace" "$source" "$hmac" "$more"
    auth_part json "$kind" "$input"
    echo '}'
  } | auth_kubectl "$verb" --field-manager=unidesk -f - >/dev/null
}
if [ "$secret_state" != unchanged ] || [ "$pods" != "$(auth_part ${authAnnotations.pods} Secret "$live")" ] || ! annotated Secret "$secret_hmac"; then
  put Secret "$secret" "$secret_state" "$secret_hmac" ",\\"${authAnnotations.pods}\\":\\"$pods\\"" ',"type":"Opaque"' || exit 1
fi
if [ "$config_state" != unchanged ] || ! annotated ConfigMap "$config_hmac"; then
  put ConfigMap "$config_map" "$config_state" "$config_hmac" "" "" || exit 1
fi
printf '%s\\n' "Secret $namespace/$secret $secret_state" "ConfigMap $namespace/$config_map $config_state"
case $pods in pending*) echo "the pods of $namespace/$secret are to be rolled" ;; esac
`;
