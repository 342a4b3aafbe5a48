/**
 * Pulls by digest on the target and names the image. Arguments: lock file, reference by digest on the
 * tunnel's port, name to give, then every image id that proves the content. Prints the image id.
 *
 * The pull is bounded: docker goes on retrying for most of a minute when the tunnel is gone.
 */
export const pullScript = `
set -u
export LC_ALL=C
lock=$1 reference=$2 name=$3
shift 3
mkdir -p "$(dirname "$lock")"
exec 9>>"$lock" || exit 1
flock -w 600 9 || { echo "another delivery holds $lock for more than 600 s" >&2; exit 75; }
timeout 840 docker pull --quiet "$reference" 9>&- >&2 || exit 1
id=$(docker image inspect -f '{{.Id}}' "$reference") || exit 1
for wanted in "$@"; do
  if [ "$id" = "$wanted" ]; then
    docker tag "$reference" "$name" && docker rmi "$reference" >/dev/null && echo "$id"
    exit
  fi
done
docker rmi "$reference" >/dev/null
echo "the pulled image is $id, which is none of: $*" >&2
exit 1
`;
