#!/usr/bin/env bash
# reviewed-fingerprint.sh COMMIT BRANCH: the fingerprint that the review of the pull request behind this commit ended with.
# Wants UNIDESK_FORGE (github or gitea) besides what api.sh wants.
set -euo pipefail
# shellcheck source=automation/scripts/api.sh
. "$(dirname "$0")/api.sh"

commit=$1 branch=$2
[[ $commit =~ ^[0-9a-f]{40}$ ]] || fail "no commit: $commit"

refuse() {
  fail "nothing was applied: $1" \
    "what to do: on $branch, run and read" \
    "  npx unidesk review" \
    "then apply it with the fingerprint that it ends with, or start this workflow by hand with it:" \
    "  npx unidesk apply --reviewed FINGERPRINT"
}

case ${UNIDESK_FORGE:-} in
  github) api GET "/commits/$commit/pulls?per_page=100" > "$api_folder/pulls" ;;
  gitea)
    missing=null api GET "/commits/$commit/pull" > "$api_folder/pull"
    jq 'if . == null then [] else [.] end' "$api_folder/pull" > "$api_folder/pulls"
    ;;
  *) fail "UNIDESK_FORGE is github or gitea" ;;
esac
jq --arg commit "$commit" --arg branch "$branch" \
  'map(select(.merged_at != null and .merge_commit_sha == $commit and .base.ref == $branch))' \
  "$api_folder/pulls" > "$api_folder/merged"
[ "$(jq length "$api_folder/merged")" = 1 ] || refuse "no merged pull request ends in $commit"
number=$(jq -r '.[0].number' "$api_folder/merged")
head=$(jq -r '.[0].head.sha' "$api_folder/merged")

own_comments "$number" > "$api_folder/own"
case $(jq length "$api_folder/own") in
  0) refuse "pull request $number has no review of $UNIDESK_BOT" ;;
  1) ;;
  *) refuse "pull request $number has more than one review of $UNIDESK_BOT, and which one was read is not known" ;;
esac
jq -r '.[0].body' "$api_folder/own" | tr -d '\r' > "$api_folder/review"
grep -qxF "<!-- unidesk-head: $head -->" <(sed -n 2p "$api_folder/review") ||
  refuse "the review of pull request $number is not of its last commit $head"
fingerprint=$(sed '/^ *$/d' "$api_folder/review" | tail -n 1 | sed -nE 's/^<!-- unidesk-fingerprint: ([0-9a-f]{8,128}) -->$/\1/p')
[ -n "$fingerprint" ] || refuse "the review of pull request $number failed or has no fingerprint"
printf '%s\n' "$fingerprint"
