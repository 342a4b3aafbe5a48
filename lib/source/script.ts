import { shellCommand } from "../ssh/quote.ts";

/** Bounds of one answer; what is beyond them is counted, never printed. */
export const bounds = {
  questions: 500,
  seconds: 45,
  bytes: 8_000_000,
  commits: 50,
  paths: 20,
  pathBytes: 400,
} as const;

/** What the script knows; questions name a repository by its index. */
export interface SourcePlaces {
  readonly releaseLines: readonly string[];
  /** Paths of bare repositories on the host. */
  readonly repositories: readonly string[];
}

/**
 * Answers questions about commits of bare repositories. Argument: a mark that begins every line of the answer that
 * is not a path, 24 hex digits. Standard input: lines of
 * `<index of the repository> <commit> <commit to compare with, or ->`, where the questions of one commit are together.
 *
 * Nothing of the repository's own configuration may change an answer or start a program: replacement objects,
 * signatures, external diffs and fetches of missing objects are off.
 */
export function sourceScript({ releaseLines, repositories }: SourcePlaces): string {
  return `
lines=(${shellCommand(releaseLines)})
repositories=(${shellCommand(repositories)})
${answerScript}`;
}

const answerScript = String.raw`
set -u -o pipefail
export LC_ALL=C GIT_NO_REPLACE_OBJECTS=1 GIT_NO_LAZY_FETCH=1 GIT_OPTIONAL_LOCKS=0 GIT_TERMINAL_PROMPT=0
mark=$1
[[ $mark =~ ^[0-9a-f]{24}$ ]] || { echo "this is no mark: $mark" >&2; exit 2; }
command -v git >/dev/null || { echo "git is missing on this host" >&2; exit 1; }
mapfile -t questions < <(head -c ${bounds.questions * 100})
for question in "${"$"}{questions[@]}"; do
  [[ $question =~ ^[0-9]{1,3}\ [0-9a-f]{40}\ ([0-9a-f]{40}|-)$ ]] || { echo "this is no question: $question" >&2; exit 2; }
done
asked=$'\n'$(printf '%s\n' "${"$"}{questions[@]}" | cut -d' ' -f1 | sort -u)$'\n'
git() {
  timeout -k 2 20 git -c safe.directory="$repository" -c log.showSignature=false --git-dir="$repository" "$@" </dev/null
}
say() { printf '%s %s\n' "$mark" "$*"; }
late() { [ "$SECONDS" -ge ${bounds.seconds} ]; }
# Commits and their paths; a path is a line of its own, with its own line ends as \001.
log_of() {
  git log -z --max-count=${bounds.commits} --encoding=UTF-8 --no-color --no-notes --no-renames --no-ext-diff \
    --diff-merges=first-parent --root --name-only \
    --format="%x00$mark C %H %ct%x00$mark A %an%x00$mark S %s%x00" "$1" -- |
    tr '\0\n' '\n\001' | awk -v mark="$mark" '
      function finish() { if (open) print mark " M " (paths > ${bounds.paths} ? paths - ${bounds.paths} : 0) }
      BEGIN { length_of_mark = length(mark) }
      substr($0, 1, length_of_mark) == mark {
        if (substr($0, length_of_mark + 2, 1) == "C") { finish(); open = 1; paths = 0 }
        print substr($0, 1, 2000)
        next
      }
      $0 == "" || $0 == "\001" { next }
      {
        # git puts one line end before the first path of a commit.
        if (paths == 0) sub(/^\001/, "")
        if (++paths <= ${bounds.paths}) print "/" substr($0, 1, ${bounds.pathBytes})
      }
      END { finish() }'
}
commit_facts() {
  local commit=$1 line counts reached= pushed=no
  for line in "${"$"}{!lines[@]}"; do
    [ -n "${"$"}{heads[line]}" ] || continue
    counts=$(git rev-list --left-right --count "$commit...${"$"}{heads[line]}" --) || return 1
    [ "${"$"}{counts%%[!0-9]*}" != 0 ] || reached="$reached $line:${"$"}{counts##*[!0-9]}"
  done
  if [ -n "$reached" ]; then
    pushed=yes
  else
    line=$(git for-each-ref --count=1 --contains "$commit" refs/heads refs/tags refs/remotes) || return 1
    [ -z "$line" ] || pushed=yes
  fi
  say "commit $commit known $pushed$reached"
}
range_facts() {
  local commit=$1 from=$2 counts behind ahead
  counts=$(git rev-list --left-right --count "$from...$commit" --) || return 1
  behind=${"$"}{counts%%[!0-9]*} ahead=${"$"}{counts##*[!0-9]}
  say "range $commit $from $behind $ahead"
  [ "$ahead" = 0 ] || log_of "$from..$commit" || return 1
  if [ "$behind" != 0 ]; then say "taken"; log_of "$commit..$from" || return 1; fi
  say "end $commit $from"
}
answer() {
  local index line question commit from about kinds
  declare -A kind
  for index in "${"$"}{!repositories[@]}"; do
    [ "${"$"}{asked#*$'\n'"$index"$'\n'}" != "$asked" ] || continue
    repository=${"$"}{repositories[index]}
    [ -e "$repository" ] || { say "repository $index missing"; continue; }
    git rev-parse --git-dir >/dev/null 2>&1 || { say "repository $index no-repository"; continue; }
    heads=()
    for line in "${"$"}{!lines[@]}"; do
      heads[line]=$(git rev-parse --verify --quiet "refs/heads/${"$"}{lines[line]}^{commit}" || true)
    done
    say "repository $index seen $(git rev-parse --is-shallow-repository)"
    kind=() about=
    kinds=$(printf '%s\n' "${"$"}{questions[@]}" | awk -v index_wanted="$index" '$1 == index_wanted { print $2; if ($3 != "-") print $3 }' | sort -u |
      timeout -k 2 20 git -c safe.directory="$repository" --git-dir="$repository" cat-file --batch-check='%(objectname) %(objecttype)') ||
      { say "repository $index failed"; continue; }
    while read -r commit line; do kind[$commit]=$line; done <<<"$kinds"
    for question in "${"$"}{questions[@]}"; do
      read -r line commit from <<<"$question"
      [ "$line" = "$index" ] || continue
      late && { say "late"; return; }
      if [ "${"$"}{kind[$commit]:-}" != commit ]; then say "commit $commit unknown"; continue; fi
      if [ "$commit" != "$about" ]; then
        about=$commit
        commit_facts "$commit" || { say "failed $commit"; about=; continue; }
      fi
      [ "$from" != - ] && [ "${"$"}{kind[$from]:-}" = commit ] || continue
      range_facts "$commit" "$from" || say "failed $commit"
    done
  done
  say "done"
}
# A cut answer lacks its last line.
answer | head -c ${bounds.bytes} || true
`;
