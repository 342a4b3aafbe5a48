import { setEnvKeysFunction } from "./env-file.ts";

/**
 * Brings one Compose service to an image, on the host, under the lock of that Compose project:
 * the env file and `docker compose up` are one critical section, because of two that interleave
 * one loses its keys.
 *
 * Arguments: lock file, lock wait in seconds, project, root, Compose file, env file, service, container,
 * stable image name, commit, image id, key prefix. Standard input: the KEY=VALUE lines to own.
 * Prints one word: unchanged, or recreated; progress goes to standard error.
 */
export const composeDeployScript = String.raw`
set -u
export LC_ALL=C
lock=$1 wait=$2 project=$3 root=$4 file=$5 env_file=$6 service=$7 container=$8
shift 8
stable=$1 commit=$2 image_id=$3 prefix=$4
${setEnvKeysFunction}
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

changed=$(printf '%s\n' "$keys" | set_env_keys "$env_file") || exit 1
[ "$changed" = unchanged ] || say "wrote this service's keys to $env_file"
if [ "$(docker image inspect -f '{{.Id}}' "$stable" 2>/dev/null)" != "$image_id" ]; then
  docker tag "$image_id" "$stable" || exit 1
  say "tagged $stable"
fi
if [ "$(field '{{.State.Running}} {{.Image}}')" = "true $image_id" ] && container_env_ok; then
  echo unchanged
  exit 0
fi
say "recreating $service"
cd "$root" || exit 1
env -i PATH="$PATH" HOME="$HOME" docker compose --project-name "$project" --project-directory "$root" -f "$file" --env-file "$env_file" \
  up -d --no-build --no-deps --pull never --force-recreate "$service" 9>&- </dev/null >&2 || exit 1
echo recreated
`;
