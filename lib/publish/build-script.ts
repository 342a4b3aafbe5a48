import { provenanceLabels } from "../labels.ts";
import { asRootFunction } from "../ssh/as-root.ts";
import { shareRegistryFunction } from "./publisher-lock.ts";

/** Exit codes of the build script that mean a refusal, each with its reason. */
export const buildRefusals: Readonly<Record<number, string>> = {
  20: "the commit is not in the repository on D601",
  21: "the commit is there but no branch or tag reaches it: it was not pushed",
  22: "the commit has no such Dockerfile",
};

/** The tag appeared while we waited for the lock: another publisher was first. */
export const alreadyPublished = 23;

/** The image is built, but the registry did not take it in time. Nothing is under the tag. */
export const pushFailed = 24;

/** The registry did not say in time whether the tag is there. Nothing was built. */
export const registrySilent = 25;

/** Another publisher of the service held its lock for longer than anybody waits. Nothing was built. */
export const publisherTakesLong = 26;

/** How long a publisher waits for another one of the service, in seconds. */
export const publisherWaitSeconds = 900;

/** Shell function: ask_tag: the HTTP status of $manifest_url. */
export const askTagFunction = `
ask_tag() {
  curl -s --noproxy '*' -o /dev/null --max-time 10 -w '%{http_code}' -I \\
    -H 'Accept: application/vnd.oci.image.manifest.v1+json' -H 'Accept: application/vnd.oci.image.index.v1+json' \\
    -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' "$manifest_url"
}
`;

/**
 * Builds one artifact on D601 from a pushed commit and pushes its commit tag. The build context is
 * `git archive` of the commit, so that no work tree and no untracked file can take part.
 *
 * Arguments: lock file, bare repository, commit, Dockerfile, image name with tag, URL of the tag's
 * manifest, the tag's file in the registry's storage, how many seconds the registry may be away (it restarts
 * in 4), then the labels as key=value. The commit is also handed over as the build argument
 * UNIDESK_DEPLOY_COMMIT, for services that bake it in.
 *
 * A registry that is killed while it writes a tag can leave the tag's file empty, and then answers 500 for ever. Such
 * a tag names nothing, so that it counts as absent and is written again.
 */
export const buildScript = `
set -u -o pipefail
${shareRegistryFunction}${askTagFunction}export LC_ALL=C GIT_NO_REPLACE_OBJECTS=1
lock=$1 repository=$2 commit=$3 dockerfile=$4 image=$5 manifest_url=$6 tag_file=$7 patience=$8
shift 8
git() { command git -c safe.directory="$repository" -C "$repository" "$@"; }
[ "$(git cat-file -t "$commit" 2>/dev/null)" = commit ] || exit 20
# A mirror has the heads of pull requests too; nobody pushed them here.
[ -n "$(git for-each-ref --count=1 --contains "$commit" refs/heads refs/tags refs/remotes)" ] || exit 21
git cat-file -e "$commit:$dockerfile" 2>/dev/null || exit 22
mkdir -p "$(dirname "$lock")"
exec 9>>"$lock" || exit 1
flock -w ${publisherWaitSeconds} 9 || { echo "another publisher holds $lock for more than ${publisherWaitSeconds} s" >&2; exit ${publisherTakesLong}; }
${asRootFunction}
half_written() { as_root test -f "$tag_file" && ! as_root test -s "$tag_file"; }
deadline=$((SECONDS + patience))
while :; do
  status=$(ask_tag)
  case $status in
    404) break ;;
    200) exit 23 ;;
    000 | 5??) ;;
    *) echo "the registry answered $status to HEAD $manifest_url" >&2; exit 1 ;;
  esac
  if [ "$status" = 500 ] && half_written; then
    echo "the tag was half written by a registry that was killed; it names nothing and is written again" >&2
    break
  fi
  [ $SECONDS -lt $deadline ] || { echo "the registry answered $status to HEAD $manifest_url" >&2; exit 25; }
  sleep 1
done
created=$(TZ=UTC0 git show -s --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ "$commit") || exit 1
labels=(--label ${provenanceLabels.created}="$created")
for label in "$@"; do labels+=(--label "$label"); done
git archive --format=tar "$commit" |
  docker build --pull=false -f "$dockerfile" --build-arg UNIDESK_DEPLOY_COMMIT="$commit" "\${labels[@]}" -t "$image" - 9>&- >&2 || exit 1
share_registry "$(dirname "$lock")" || exit $?
deadline=$((SECONDS + patience))
until docker push "$image" 8>&- 9>&- >&2; do
  [ $SECONDS -lt $deadline ] || exit 24
  echo "the push failed; trying again, for the registry may have restarted" >&2
  sleep 2
done
`;
