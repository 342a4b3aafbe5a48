import { provenanceLabels } from "../labels.ts";
import { asRootFunction } from "../ssh/as-root.ts";
import { shareRegistryFunction } from "./publisher-lock.ts";

/** Exit codes of the scripts that mean a refusal, each with its reason. */
export const buildRefusals: Readonly<Record<number, string>> = {
  20: "the commit is not in the repository on D601",
  21: "the commit is there but no branch or tag reaches it: it was not pushed",
  22: "the commit has no such Dockerfile",
  29: "the commit has a submodule, whose files are in another repository: the image would lack them",
  30: "the commit has files in Git LFS, so that it holds pointers: the image would have these instead of the files",
  31: "the clone on D601 is a partial one, which lacks files until somebody asks for them",
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
 * Judges $commit of the bare repository or clone $repository and its $dockerfile, and leaves with an exit code of
 * `buildRefusals`. What it leaves behind for a build: git, and context, which writes the commit's files as a tar.
 *
 * The files are the commit's blobs, byte for byte: a repository of its own that borrows the objects has neither the
 * configuration nor the attributes that leave files out, put words in or change line ends.
 */
const commitChecks = `
export LC_ALL=C GIT_NO_REPLACE_OBJECTS=1 GIT_ATTR_NOSYSTEM=1
git() { command git -c safe.directory="$repository" -C "$repository" "$@"; }
# In a repository with longer names than SHA-1's a commit would be an abbreviation.
[ "$(git rev-parse --verify --quiet "$commit^{commit}" 2>/dev/null)" = "$commit" ] || exit 20
# A mirror has the heads of pull requests too; nobody pushed them here.
[ -n "$(git for-each-ref --count=1 --contains "$commit" refs/heads refs/tags refs/remotes)" ] || exit 21
[ "$(git cat-file -t "$commit:$dockerfile" 2>/dev/null)" = blob ] || exit 22
submodule=$(git ls-tree -r "$commit" | awk -F '\\t' '/^160000 / { print $2; exit }')
[ -z "$submodule" ] || { echo "$submodule" >&2; exit 29; }
[ -z "$(git config --get-regexp '^remote\\..*\\.promisor$')" ] || exit 31
borrowed=$(mktemp -d) || exit 1
trap 'rm -rf "$borrowed"' EXIT
plain() { command git -c core.attributesFile=/dev/null --git-dir="$borrowed" "$@"; }
GIT_DEFAULT_HASH=sha1 command git init --quiet --bare --template= "$borrowed" && mkdir -p "$borrowed/info" "$borrowed/objects/info" || exit 1
(cd "$repository" && cd "$(git rev-parse --git-path objects)" && pwd -P) > "$borrowed/objects/info/alternates" || exit 1
export GIT_INDEX_FILE="$borrowed/index"
plain read-tree "$commit" || exit 1
large=$(plain ls-files -z | plain check-attr --cached -z --stdin filter | tr '\\n\\0' '?\\n' |
  awk 'NR % 3 == 1 { path = $0 } NR % 3 == 0 && $0 == "lfs" && !found { print path; found = 1 }') || exit 1
[ -z "$large" ] || { echo "$large" >&2; exit 30; }
unset GIT_INDEX_FILE
echo '* -export-ignore -export-subst -text -ident -filter -working-tree-encoding' > "$borrowed/info/attributes" || exit 1
context() { plain archive --format=tar "$commit"; }
`;

/** Whether a commit may be published at all, also where its artifact is there. Arguments: repository, commit, Dockerfile. */
export const checkScript = `
set -u -o pipefail
repository=$1 commit=$2 dockerfile=$3
${commitChecks}`;

/**
 * Builds one artifact on D601 from a pushed commit and pushes its commit tag. The build context is what the commit
 * holds, so that no work tree and no untracked file can take part.
 *
 * Arguments: lock file, bare repository, commit, Dockerfile, image name with tag, URL of the tag's
 * manifest, the tag's file in the registry's storage, how many seconds the registry may be away (it restarts
 * in 4), then the labels as key=value. The commit is also handed over as the build argument
 * UNIDESK_DEPLOY_COMMIT, for services that bake it in.
 *
 * A registry that is killed while it writes a tag can leave the tag's file empty, and then answers 500 for ever. Such
 * a tag names nothing, so that it counts as absent and is written again.
 *
 * The tag is asked for once more before each push: somebody may have pushed it by hand during the build, and the answer
 * to a push of ours may have been lost. What is under it is judged by the caller, and never overwritten.
 */
export const buildScript = `
set -u -o pipefail
${shareRegistryFunction}${askTagFunction}lock=$1 repository=$2 commit=$3 dockerfile=$4 image=$5 manifest_url=$6 tag_file=$7 patience=$8
shift 8
${commitChecks}mkdir -p "$(dirname "$lock")"
exec 9>>"$lock" || exit 1
flock -w ${publisherWaitSeconds} 9 || { echo "another publisher holds $lock for more than ${publisherWaitSeconds} s" >&2; exit ${publisherTakesLong}; }
${asRootFunction}
half_written() { as_root test -f "$tag_file" && ! as_root test -s "$tag_file"; }
# Returns 0 where nothing is under the tag; else what the script is to exit with.
tag_is_free() {
  local status
  while :; do
    status=$(ask_tag)
    case $status in
      404) return 0 ;;
      200) return ${alreadyPublished} ;;
      000 | 5??) ;;
      *) echo "the registry answered $status to HEAD $manifest_url" >&2; return 1 ;;
    esac
    if [ "$status" = 500 ] && half_written; then
      echo "the tag was half written by a registry that was killed; it names nothing and is written again" >&2
      return 0
    fi
    [ $SECONDS -lt $deadline ] || { echo "the registry answered $status to HEAD $manifest_url" >&2; return ${registrySilent}; }
    sleep 1
  done
}
deadline=$((SECONDS + patience))
tag_is_free || exit $?
created=$(TZ=UTC0 git show -s --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ "$commit") || exit 1
labels=(--label ${provenanceLabels.created}="$created")
for label in "$@"; do labels+=(--label "$label"); done
context |
  docker build --pull=false -f "$dockerfile" --build-arg UNIDESK_DEPLOY_COMMIT="$commit" "\${labels[@]}" -t "$image" - 9>&- >&2 || exit 1
share_registry "$(dirname "$lock")" || exit $?
deadline=$((SECONDS + patience)) taken=${alreadyPublished}
while :; do
  tag_is_free
  case $? in
    0) ;;
    ${alreadyPublished}) exit $taken ;;
    ${registrySilent}) exit ${pushFailed} ;;
    *) exit 1 ;;
  esac
  docker push "$image" 8>&- 9>&- >&2 && exit 0
  [ $SECONDS -lt $deadline ] || exit ${pushFailed}
  echo "the push failed; trying again, for the registry may have restarted" >&2
  # What is there from now on may be what this push wrote.
  taken=0
  sleep 2
done
`;
