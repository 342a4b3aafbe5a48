import { setEnvKeysFunction } from "./env-file.ts";
import { controlledEnvFileFunction } from "./env-file-path.ts";
import { resolvedConfigFunctions } from "./resolved.ts";

/**
 * Brings one Compose service to an image, on the host, under the lock of that Compose project:
 * the env file and `docker compose up` are one critical section, because of two that interleave
 * one loses its keys.
 *
 * Arguments: lock file, lock wait in seconds, project, root, Compose file, env file or
 * empty, config.json that names it otherwise, service, container,
 * stable image name, commit, image id, key prefix, file of the
 * fingerprint, "force" to recreate whatever is there. Standard input: the KEY=VALUE lines to own.
 * Prints one word: unchanged, or recreated; progress goes to standard error.
 */
export const composeDeployScript = String.raw`
set -u
export LC_ALL=C
lock=$1 wait=$2 project=$3 root=$4 file=$5 env_file=$6 config_json=$7
shift 7
service=$1 container=$2 stable=$3 commit=$4 image_id=$5 prefix=$6 fingerprint=$7
shift 7
force=$*
${controlledEnvFileFunction}
${setEnvKeysFunction}
${resolvedConfigFunctions}
say() { echo "$*" >&2; }
keys=$(cat)
mkdir -p "$(dirname "$lock")"
exec 9>>"$lock" || exit 1
if ! flock -n 9; then
  say "waiting for another deployment of project $project: $(head -n 1 "$lock" 2>/dev/null)"
  flock -w "$wait" 9 || { say "the lock $lock is still held after $wait s by: $(head -n 1 "$lock")"; exit 75; }
fi
printf '%s since %s\n' "$service $commit" "$(date -u +%FT%TZ)" > "$lock"

field() { docker inspect --type container -f "$1" "$container" 2>/dev/null; }
container_env_ok() {
  field '{{range .Config.Env}}{{println .}}{{end}}' |
    awk -v want="${"$"}{prefix}REQUESTED_COMMIT=$commit" -v short="UNIDESK_DEPLOY_REQUESTED_COMMIT=$commit" '$0 == want || $0 == short { ok = 1 } END { exit !ok }'
}

env_file=$(controlled_env_file "$env_file" "$config_json" "$root") || exit 1
[ -f "$env_file" ] || { say "the env file $env_file is not there"; exit 1; }
compose() {
  (cd "$root" && env -i PATH="$PATH" HOME="$HOME" docker compose --project-name "$project" --project-directory "$root" -f "$file" --env-file "$env_file" "$@")
}
# Before anything is written: with a Compose file that cannot be read, keys and tag would wait for anybody's next "up".
compose config --services 9>&- </dev/null | grep -qxF -- "$service" ||
  { say "nothing was changed: the Compose project $project in $root ($file) does not define $service, or cannot be read"; exit 1; }
changed=$(printf '%s\n' "$keys" | set_env_keys "$env_file") || exit 1
[ "$changed" = unchanged ] || say "wrote this service's keys to $env_file"
if [ "$(docker image inspect -f '{{.Id}}' "$stable" 2>/dev/null)" != "$image_id" ]; then
  docker tag "$image_id" "$stable" || exit 1
  say "tagged $stable"
fi
if [ "$force" != force ] && [ "$(field '{{.State.Status}} {{.Image}}')" = "running $image_id" ] && container_env_ok; then
  echo unchanged
  exit 0
fi
say "recreating $service"
compose up -d --no-build --no-deps --pull never --force-recreate "$service" 9>&- </dev/null >&2 || exit 1
mkdir -p "$(dirname "$fingerprint")"
resolved_project "$project" "$root" "$file" "$env_file" | service_fingerprint "$service" > "$fingerprint" || rm -f "$fingerprint"
echo recreated
`;
