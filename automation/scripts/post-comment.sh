#!/usr/bin/env bash
# post-comment.sh NUMBER FILE: the file becomes the one review comment of the pull request, in place of the last one.
set -euo pipefail
# shellcheck source=automation/scripts/api.sh
. "$(dirname "$0")/api.sh"

number=$1 file=$2
[[ $number =~ ^[0-9]+$ ]] || fail "no pull request number: $number"

# A longer body is refused by GitHub. The first lines, which are comments of ours, and the last one stay: an apply reads them.
jq --null-input --rawfile text "$file" --arg marker "$marker" --argjson limit 65536 '
  ($text | rtrimstr("\n")) as $text
  | (if $text | startswith($marker) then $text else "\($marker)\n\($text)" end) as $body
  | if ($body | length) <= $limit then $body
    else
      ($body | split("\n")) as $lines
      | first(range($lines | length) | select($lines[.] | startswith("<!-- unidesk-") | not)) as $ours
      | ($lines[:$ours] + ["**This report is cut: it has \($body | length) characters, and a comment holds \($limit). The job shows all of it.**", ""] | join("\n")) as $first
      | "\n\n\($lines | last)" as $rest
      | $first + ($lines[$ours:] | join("\n"))[:($limit - ($first | length) - ($rest | length))] + $rest
    end
  | { body: . }
' > "$api_folder/body"

own_comments "$number" > "$api_folder/own"
first=$(jq -r '.[0].id // empty' "$api_folder/own")
if [ -z "$first" ]; then
  api POST "/issues/$number/comments" "$api_folder/body" > /dev/null
  echo "posted the review to pull request $number"
  exit
fi
api PATCH "/issues/comments/$first" "$api_folder/body" > /dev/null
echo "updated the review of pull request $number"
# Two jobs that began at once can have made two; an apply takes the fingerprint of one comment only.
for id in $(jq -r '.[1:][].id' "$api_folder/own"); do
  api DELETE "/issues/comments/$id" > /dev/null
  echo "removed another review of ours, comment $id"
done
