import { silenceSeconds } from "../ssh/lifeline.ts";

/**
 * Pulls on the target and names the image. Arguments: lock file, the registry's reference, name to give,
 * `keep` or `drop` the reference afterwards, then every image id that proves the content. Prints the image id, and
 * `already there` in front of it where nothing had to be pulled; else when the pull began (nanoseconds since 1970)
 * behind it, and `named` where the image was there and only the reference was not.
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
flock -n 9 || echo "waiting: another delivery of this service is under way" >&2
flock -w 600 9 || { echo "another delivery holds $lock for more than 600 s" >&2; exit 75; }
is_wanted() { local id=$1 wanted; shift; for wanted in "$@"; do [ "$id" != "$wanted" ] || return 0; done; return 1; }
# found IMAGE...: of those that are there, one line each: the id, then the names by digest.
found() { docker image inspect -f '{{.Id}}{{range .RepoDigests}} {{.}}{{end}}' "$@" 2>/dev/null; }
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
# name_it ID NAME-BY-DIGEST...: names on a tunnel's port go, also those that a killed delivery left behind.
name_it() {
  local id=$1 path=\${reference#*/} each
  shift
  docker tag "$id" "$name" || return
  [ "$after" = drop ] || return 0
  for each in "$@"; do
    case $each in 127.0.0.1:[0-9]*/"\${path%@*}@"*) set -- "$@" "$each" ;; esac
    shift
  done
  [ $# -eq 0 ] || docker rmi "$@" >/dev/null
}
if [ "$after" = keep ]; then there=$(found "$reference"); else there=$(found "$@"); fi
there=\${there%%$'\\n'*}
if [ -n "$there" ] && is_wanted "\${there%% *}" "$@"; then
  name_it $there && echo "already there \${there%% *}"
  exit
fi
was=
[ "$after" = drop ] || [ -z "$(found "$@")" ] || was=' named'
began=$(date +%s%N)
pull || exit
there=$(found "$reference")
id=\${there%% *}
[ -n "$id" ] || { echo "docker pulled $reference, but has no such image" >&2; exit 1; }
if ! is_wanted "$id" "$@"; then
  [ "$after" = keep ] || docker rmi "$reference" >/dev/null
  echo "the pulled image is $id, which is none of: $*" >&2
  exit 1
fi
name_it $there && echo "$id $began$was"
`;
