import { shareRegistryFunction } from "../publish/publisher-lock.ts";

/** No program on the host copies images from one registry to another. */
export const noCopier = 30;

/** Another mirror of the same image holds the lock for longer than anybody waits. */
export const mirrorBusy = 31;

/**
 * Copies one image, whole and by digest, from a registry to another. What is copied is named by the digest and every
 * platform of an index comes along, so that the digest stays; each program verifies what it reads.
 *
 * Arguments: lock file, source with its digest, target with its tag, whether the source speaks plain HTTP (1 or 0). The
 * target always does: it is our registry on loopback. crane by itself takes loopback addresses for plain HTTP.
 *
 * Prints the program's name. The copy is bounded, and ends with the command's own time at the latest.
 */
export const mirrorScript = `
set -u
${shareRegistryFunction}
lock=$1 source=$2 target=$3 plain=$4
export LC_ALL=C
copier=
for candidate in skopeo oras crane; do
  if command -v "$candidate" >/dev/null; then copier=$candidate; break; fi
done
[ -n "$copier" ] || exit ${noCopier}
mkdir -p "$(dirname "$lock")"
exec 9>>"$lock" || exit 1
flock -w 900 9 || exit ${mirrorBusy}
share_registry "$(dirname "$lock")" || exit 1
verify=true from=()
if [ "$plain" = 1 ]; then verify=false from=(--from-plain-http); fi
case $copier in
  skopeo)
    copy=(skopeo copy --all --preserve-digests --retry-times 2 --src-tls-verify=$verify --dest-tls-verify=false
      "docker://$source" "docker://$target") ;;
  oras) copy=(oras cp --no-tty \${from[@]+"\${from[@]}"} --to-plain-http "$source" "$target") ;;
  crane) copy=(crane copy "$source" "$target") ;;
esac
timeout --kill-after=10 1700 "\${copy[@]}" 8>&- 9>&- >&2 || exit 1
echo "$copier"
`;
