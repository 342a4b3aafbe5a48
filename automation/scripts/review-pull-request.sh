#!/usr/bin/env bash
# review-pull-request.sh NUMBER HEAD: runs in a checkout of the base branch that has refs/unidesk/base and
# refs/unidesk/head; reviews the pull request's JSON files and posts the report.
set -euo pipefail

scripts=$(dirname "$0")
number=$1 expected=$2
fingerprint_line='<!-- unidesk-fingerprint:'
head=$(git rev-parse refs/unidesk/head)
[ "$head" = "$expected" ] || {
  echo "the pull request moved on to $head meanwhile; the job of that commit reviews it" >&2
  exit 1
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

review() {
  "$scripts/pull-request-files.sh" refs/unidesk/base refs/unidesk/head "$folder" || return 1
  UNIDESK_ACCESS=observe UNIDESK_DEPLOY_FILE="$folder/deploy.json" UNIDESK_CI_FILE="$folder/CI.json" \
    timeout --kill-after=30 600 env -u UNIDESK_TOKEN "$scripts/with-key.sh" npx unidesk review --markdown
}
code=0
review > "$folder/report" 2> "$folder/errors" || code=$?
"$scripts/plain-log.sh" < "$folder/errors" >&2
{
  echo '<!-- unidesk-review -->'
  echo "<!-- unidesk-head: $head -->"
  if [ "$code" = 0 ] || [ "$code" = 2 ]; then
    cat "$folder/report"
  elif grep -q "^$fingerprint_line" <(tail -n 1 "$folder/report"); then
    # A whole report that denies something, or lacks a stack. The last line is ours, so that no apply takes it.
    echo '**Nothing of this pull request can be applied: what denies it is below.**'
    echo
    sed "/^$fingerprint_line/d" "$folder/report"
    echo "$fingerprint_line none -->"
  else
    # Four blanks make it code, whatever it says: no character of it ends a line but a line feed. The last line is ours,
    # and no fingerprint.
    echo '**The review failed, so nothing of this pull request can be applied.**'
    echo
    tail -n 60 "$folder/errors" | tr -d '\000-\010\013-\037\177' | cut -c 1-500 | sed 's/^/    /'
    echo
    echo "$fingerprint_line none -->"
  fi
} > "$folder/comment"
cat "$folder/comment" >> "${GITHUB_STEP_SUMMARY:-/dev/null}"
"$scripts/post-comment.sh" "$number" "$folder/comment"
# 2 says that there are changes: what a review is for.
[ "$code" = 0 ] || [ "$code" = 2 ]
