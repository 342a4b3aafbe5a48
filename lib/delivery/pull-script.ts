import { silenceSeconds } from "../ssh/lifeline.ts";

/**
 * Pulls on the target and names the image. Arguments: lock file, the registry's reference, name to give,
 * `keep` or `drop` the reference afterwards, then every image id that proves the content. Prints the
 * image id, and `already there` in front of it where nothing had to be pulled.
 *
 * Standard input is a lifeline: docker goes on for most of a minute when the tunnel is gone, and for
 * ever when it is silent, so the pull ends when no line came for a while.
 */
export const pullScript = `
set -u
export LC_ALL=C
lock=$1 reference=$2 name=$3 after=$4
shift 4
exec 8<&0 </dev/null
mkdir -p "$(dirname "$lock")"
exec 9>>"$lock" || exit 1
flock -w 600 9 || { echo "another delivery holds $lock for more than 600 s" >&2; exit 75; }
id_of() { docker image inspect -f '{{.Id}}' "$1" 2>/dev/null; }
is_wanted() { local id=$1 wanted; shift; for wanted in "$@"; do [ "$id" != "$wanted" ] || return 0; done; return 1; }
pull() {
  local pulling watching code
  timeout 840 docker pull "$reference" 8<&- 9>&- >&2 &
  pulling=$!
  { while IFS= read -r -t ${silenceSeconds} _; do :; done; kill "$pulling"; } <&8 9>&- >/dev/null 2>&1 &
  watching=$!
  wait "$pulling"
  code=$?
  kill "$watching" 2>/dev/null
  wait "$watching" 2>/dev/null
  return "$code"
}
id=$(id_of "$reference") && is_wanted "$id" "$@" || id=
if [ -z "$id" ] && [ "$after" = drop ]; then
  for wanted in "$@"; do
    id=$(id_of "$wanted") && break
  done
fi
# Names on a tunnel's port, also those that a killed delivery left behind.
drop_references() {
  [ "$after" = keep ] && return
  local path=\${reference#*/} names
  names=$(docker image inspect -f '{{range .RepoDigests}}{{println .}}{{end}}' "$name" | grep -E "^127\\.0\\.0\\.1:[0-9]+/\${path%@*}@") || return 0
  docker rmi $names >/dev/null
}
if [ -n "$id" ]; then
  docker tag "$id" "$name" && drop_references && echo "already there $id"
  exit
fi
pull || exit
id=$(id_of "$reference") || { echo "docker pulled $reference, but has no such image" >&2; exit 1; }
if ! is_wanted "$id" "$@"; then
  [ "$after" = keep ] || docker rmi "$reference" >/dev/null
  echo "the pulled image is $id, which is none of: $*" >&2
  exit 1
fi
docker tag "$reference" "$name" && drop_references && echo "$id"
`;
