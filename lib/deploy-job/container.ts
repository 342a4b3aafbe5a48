import { imageLabels } from "../labels.ts";

/** Shell functions that look at the one container of a deploy job; they read the job's spec. */
export const containerFunctions = String.raw`
# Fails where Docker gives no answer, which is not the same as that there is no container.
container_id() { timeout 20 docker ps -aq --no-trunc --filter "name=^/$container\$"; }
# service_containers DOCKER_PS_ARGUMENT...: without those of "docker compose run", which nothing here replaces
service_containers() {
  timeout 20 docker ps -a "$@" --filter "label=com.docker.compose.project=$project" --filter "label=com.docker.compose.service=$compose_service" --filter label=com.docker.compose.oneoff=False
}
# Names of the service's other containers; of <12 hex>_<name>, which Compose gives what it is replacing, it takes care itself.
other_names() {
  local names
  names=$(service_containers --format '{{.Names}}') || return 1
  printf '%s\n' "$names" | sed "/^\([0-9a-f]\{12\}_\)\{0,1\}$container\$/d"
}
# field ID FORMAT
field() { timeout 20 docker inspect --type container -f "$2" "$1" 2>/dev/null; }
image_of() { timeout 20 docker image inspect -f '{{.Id}}' "$1" 2>/dev/null; }
image_commit() {
  timeout 20 docker image inspect -f '{{index .Config.Labels "${imageLabels.revision}"}}' "$1" 2>/dev/null | grep -xE '[0-9a-f]{40}'
}
was_told_commit() {
  field "$1" '{{range .Config.Env}}{{println .}}{{end}}' |
    awk -v own="$prefix"REQUESTED_COMMIT="$commit" -v common="UNIDESK_DEPLOY_REQUESTED_COMMIT=$commit" '$0 == own || $0 == common { ok = 1 } END { exit !ok }'
}
has_labels() {
  local pair
  for pair in $labels; do
    case $pair in *digest=*) continue ;; esac
    [ "$(field "$1" "{{index .Config.Labels \"$(printf '%s' "$pair" | cut -d= -f1)\"}}")" = "$(printf '%s' "$pair" | cut -d= -f2-)" ] || return 1
  done
}
# labels_of ID: its deploy labels, as labels_override takes them
labels_of() {
  local pair key value
  for pair in $labels; do
    key=$(printf '%s' "$pair" | cut -d= -f1)
    value=$(field "$1" "{{index .Config.Labels \"$key\"}}" | grep -xE '[A-Za-z0-9:._/-]+') && printf '%s=%s ' "$key" "$value"
  done
  return 0
}
# http_status ID: of the health path at the container's own address, 000 where nothing answers
http_status() {
  local address status
  address=$(field "$1" '{{.HostConfig.NetworkMode}} {{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' | awk '{ print $1 == "host" ? "127.0.0.1" : $2 }')
  [ -n "$address" ] || { echo 000; return; }
  status=$(curl -s -o /dev/null -w '%{http_code}' --noproxy '*' --max-time 3 "http://$address:$health_port$health_path")
  printf '%s\n' "$status"
}
# compose OVERRIDE ARGUMENT...: what it says is for people
compose() {
  local files=$compose_file
  [ -z "$1" ] || files=$files$'\n'$1
  shift
  {
    project_compose 300 "$project" "$root" "$files" "$env_file" "$@" 2>&1 >&3 3>&- 8>&- 9>&- </dev/null |
      compose_said >&2 3>&- 8>&- 9>&-
  } 3>&1
}
# recreate LABELS ARGUMENT...: exactly this one service
recreate() {
  local override= wanted=$1
  shift
  if [ -n "$wanted" ]; then
    override=$here/labels.yml
    labels_override "$compose_service" $wanted > "$override" || return 1
  fi
  compose "$override" up -d --no-build --no-deps --pull never --force-recreate "$@" "$compose_service" > "$here/up" 2>&1
  set -- $?
  cat "$here/up" >&2
  [ "$1" = 0 ] || return "$1"
  mkdir -p "$(dirname "$fingerprint")"
  resolved_project "$project" "$root" "$compose_file" "$env_file" | service_fingerprint "$compose_service" > "$fingerprint.$$" && mv -f "$fingerprint.$$" "$fingerprint" || rm -f "$fingerprint.$$" "$fingerprint"
}
`;
