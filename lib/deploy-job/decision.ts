/**
 * Shell function: decide FOLDER WORD REASON. Of confirm, abort, timeout, failed and lost the first one wins, and
 * the file `decision` holds it for good; prints which one that is. A link is made whole or not at all. Fails where
 * nothing can be written.
 */
export const decideFunction = String.raw`
decide() {
  local stage
  stage=$(mktemp "$1/decision.XXXXXX") || return 1
  # On a full disk there is a file and nothing in it, which must not win.
  printf '%s\n%s\n' "$2" "$3" > "$stage" && sync "$stage" || { rm -f "$stage"; return 1; }
  ln -T "$stage" "$1/decision" 2>/dev/null
  rm -f "$stage"
  sync "$1"
  head -n 1 "$1/decision"
}
`;
