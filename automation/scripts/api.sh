# Sourced by the other scripts: the REST API that GitHub and Gitea share, and the one comment of a pull request.
# Wants UNIDESK_API_URL, UNIDESK_REPOSITORY (owner/name), UNIDESK_TOKEN and UNIDESK_BOT, the login that the token writes as.
# shellcheck shell=bash
set -euo pipefail

: "${UNIDESK_API_URL:?is the REST API, such as https://api.github.com}"
: "${UNIDESK_REPOSITORY:?is owner/name}"
: "${UNIDESK_TOKEN:?is the token that reads and writes comments}"
: "${UNIDESK_BOT:?is the login that the token writes as}"

marker='<!-- unidesk-review -->'
api_folder=$(mktemp -d)
trap 'rm -rf "$api_folder"' EXIT

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

# api METHOD PATH [BODY-FILE]: prints the reply; anything but a 2xx is a failure that says what was answered. With
# missing=TEXT before it, a 404 is that text. The token goes to curl's standard input, never to its arguments.
api() {
  local method=$1 path=$2 body=${3:-} status
  local arguments=(--silent --show-error --max-time 30 --output "$api_folder/reply" --write-out '%{http_code}')
  # A repeated POST could make a second comment.
  [ "$method" != GET ] || arguments+=(--retry 2 --retry-delay 1)
  [ -z "$body" ] || arguments+=(--header 'Content-Type: application/json' --data-binary "@$body")
  : > "$api_folder/reply"
  status=$(
    printf 'header = "Authorization: Bearer %s"\nheader = "Accept: application/json"\n' "$UNIDESK_TOKEN" |
      curl --config - "${arguments[@]}" --request "$method" "$UNIDESK_API_URL/repos/$UNIDESK_REPOSITORY$path"
  ) || fail "$method $path: no answer from $UNIDESK_API_URL"
  case $status in
    2??) cat "$api_folder/reply" ;;
    404) if [ -n "${missing:-}" ]; then echo "$missing"; else fail "$method $path: HTTP 404"; fi ;;
    *) fail "$method $path: HTTP $status" "$(head -c 500 "$api_folder/reply")" ;;
  esac
}

# own_comments NUMBER: our comments of a pull request as a JSON array, oldest first. Whoever else writes the marker is
# somebody else. GitHub answers in pages; Gitea answers with everything, whatever page is asked for.
own_comments() {
  local page found=0 before
  echo '[]' > "$api_folder/comments"
  for page in $(seq 1 50); do
    api GET "/issues/$1/comments?per_page=100&page=$page" > "$api_folder/page"
    before=$found
    jq --slurp 'add | unique_by(.id)' "$api_folder/comments" "$api_folder/page" > "$api_folder/all"
    mv "$api_folder/all" "$api_folder/comments"
    found=$(jq length "$api_folder/comments")
    if [ "$(jq length "$api_folder/page")" -lt 100 ] || [ "$found" = "$before" ]; then
      jq --arg login "$UNIDESK_BOT" --arg marker "$marker" \
        'map(select(.user.login == $login and (.body | startswith($marker))))' "$api_folder/comments"
      return
    fi
  done
  fail "pull request $1 has more than 5000 comments: none of them was read as a review"
}
