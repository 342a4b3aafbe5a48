import { controlledEnvFileFunction } from "../compose/env-file-path.ts";
import { composeFilesFunctions } from "../compose/files.ts";
import { composeSaidFunction } from "../compose/said.ts";
import { bootUnitName } from "../deploy-job/boot-unit.ts";
import { holderFunctions } from "../deploy-job/holder.ts";
import { historyFunctions } from "../history/append.ts";
import { imageLabels } from "../labels.ts";

/**
 * What runs of one service: container and commit, one a line, or nothing. Arguments: container, Compose project,
 * Compose service.
 */
export const lookScript = String.raw`
set -u
export LC_ALL=C
id=$(timeout 20 docker ps -aq --no-trunc --filter "name=^/$1\$") || { echo "Docker gives no answer" >&2; exit 1; }
[ -n "$id" ] || exit 0
label() { timeout 20 docker inspect --type container -f "{{index .Config.Labels \"$1\"}}" "$id"; }
if [ "$(label com.docker.compose.project)/$(label com.docker.compose.service)" != "$2/$3" ]; then
  echo "the container $1 is there, but is not the service $3 of the Compose project $2; it was left alone" >&2
  exit 1
fi
printf '%s\n%s\n' "$id" "$(label ${imageLabels.revision})"
`;

/**
 * Stops one Compose service and removes its container and receipts; images, volumes and the env file stay.
 * While it holds the lock of the service's deploy jobs none of them begins.
 *
 * Arguments: run id, operator, service, commit, container, id that the container must have, Compose project, root,
 * Compose files one a line, env file or empty, config.json that names it otherwise, Compose service, lock of the project, folder of the
 * service's deploy jobs, history file, the history line without its end, then the receipts.
 */
export const retireScript = String.raw`
set -u
export LC_ALL=C PATH="$PATH:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/snap/bin"
umask 077
run=$1 operator=$2 service=$3 commit=$4 container=$5 expected=$6 project=$7 root=$8 file=$9
shift 9
env_file=$1 config_json=$2 compose_service=$3 lock=$4 jobs=$5 history=$6 line=$7
shift 7
${holderFunctions}
${historyFunctions}
${controlledEnvFileFunction}
${composeFilesFunctions}
${composeSaidFunction}
refuse() { say "$1"; say "remedy: $2"; exit 1; }
deploying() { refuse "a deploy job of $service is at work: $1" "wait until it ended (journalctl -u unidesk-deploy-$compose_service), then retire again"; }
case $(systemctl is-active "unidesk-deploy-$compose_service.service" 2>/dev/null) in
  active | activating | deactivating | reloading) deploying "unidesk-deploy-$compose_service.service" ;;
esac
mkdir -p "$jobs" "$(dirname "$lock")"
exec 8>>"$jobs/lock" 9>>"$lock" || exit 1
flock -n 8 || deploying "$(describe_holder "$(head -n 1 "$jobs/lock")")"
holder_line "$run" "$service" "$commit" "$operator" > "$jobs/lock"
[ ! -f "$jobs/pending" ] || refuse "a deployment of $service was cut off and is not undone yet" "on the host: sudo systemctl start ${bootUnitName}; then retire again"
wait_for "$lock" 9 300 "a deployment of project $project" "$jobs/none" || exit $?
holder_line "$run" "$service" "$commit" "$operator" > "$lock"
current=$(timeout 20 docker ps -aq --no-trunc --filter "name=^/$container\$") || refuse "Docker gives no answer" "systemctl status docker on the host"
[ "$current" = "$expected" ] || refuse "the container $container is another one than a moment ago" "retire again"
# From here on a lost connection must not leave half of it.
trap '' HUP INT TERM PIPE
if [ -n "$current" ]; then
  env_file=$(controlled_env_file "$env_file" "$config_json" "$root") || exit 1
  (set -o pipefail; project_compose 120 "$project" "$root" "$file" "$env_file" rm --stop --force "$compose_service" 8>&- 9>&- </dev/null 2>&1 | compose_said >&2) || exit 1
  if [ -n "$(timeout 20 docker ps -aq --filter "name=^/$container\$")" ]; then
    refuse "docker compose rm ended well, but the container $container is still there" "docker inspect $container on the host"
  fi
fi
rm -f -- "$@" || exit 1
[ -z "$current" ] || append_history "$history" "$line,\"finishedAt\":\"$(date -u +%FT%TZ)\"}"
`;
