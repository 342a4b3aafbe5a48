/** Exit codes of the build script that mean a refusal, each with its reason. */
export const buildRefusals: Readonly<Record<number, string>> = {
  20: "the commit is not in the repository on D601",
  21: "the commit is there but no branch or tag reaches it: it was not pushed",
  22: "the commit has no such Dockerfile",
};

/** The tag appeared while we waited for the lock: another publisher was first. */
export const alreadyPublished = 23;

/**
 * Builds one artifact on D601 from a pushed commit and pushes its commit tag. The build context is
 * `git archive` of the commit, so that no work tree and no untracked file can take part.
 *
 * Arguments: lock file, bare repository, commit, Dockerfile, image name with tag, URL of the tag's
 * manifest, then the labels as key=value. The commit is also handed over as the build argument
 * UNIDESK_DEPLOY_COMMIT, for services that bake it in.
 */
export const buildScript = String.raw`
set -u -o pipefail
export LC_ALL=C
lock=$1 repository=$2 commit=$3 dockerfile=$4 image=$5 manifest_url=$6
shift 6
git() { command git -c safe.directory="$repository" -C "$repository" "$@"; }
git cat-file -e "$commit^{commit}" 2>/dev/null || exit 20
[ -n "$(git for-each-ref --count=1 --contains "$commit")" ] || exit 21
git cat-file -e "$commit:$dockerfile" 2>/dev/null || exit 22
mkdir -p "$(dirname "$lock")"
exec 9>>"$lock" || exit 1
flock -w 900 9 || { echo "another publisher holds $lock for more than 900 s" >&2; exit 1; }
status=$(curl -s --noproxy '*' -o /dev/null --max-time 10 -w '%{http_code}' -I \
  -H 'Accept: application/vnd.oci.image.manifest.v1+json' -H 'Accept: application/vnd.oci.image.index.v1+json' \
  -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' "$manifest_url")
case $status in
  404) ;;
  200) exit 23 ;;
  *) echo "the registry answered $status to HEAD $manifest_url" >&2; exit 1 ;;
esac
labels=()
for label in "$@"; do labels+=(--label "$label"); done
git archive --format=tar "$commit" |
  docker build --pull=false -f "$dockerfile" --build-arg UNIDESK_DEPLOY_COMMIT="$commit" "${"$"}{labels[@]}" -t "$image" - 9>&- >&2 || exit 1
docker push "$image" 9>&- >&2 || exit 1
`;
