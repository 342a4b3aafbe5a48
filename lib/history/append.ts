/**
 * Shell functions about the history file of a service, one JSON line a deployment.
 *
 * append_history FILE LINE: one write under a lock of the file's own. A last line that a power cut left without
 * its newline is completed first, so that it spoils no other.
 *
 * can_append_history FILE: whether that would work now, as far as owners and folders go.
 *
 * json_text TEXT: a JSON string of one line of at most 300 printable ASCII characters, or null for nothing.
 */
export const historyFunctions = String.raw`
append_history() {
  local lead=
  mkdir -p "$(dirname "$1")" || return 1
  (
    flock -w 30 7 || { echo "the lock of $1 is still held after 30 s" >&2; exit 75; }
    [ ! -s "$1" ] || [ -z "$(tail -c 1 "$1")" ] || lead=$'\n'
    printf '%s%s\n' "$lead" "$2" | dd bs=64k iflag=fullblock oflag=append conv=notrunc,fsync of="$1" status=none
  ) 7>>"$1.lock"
}
can_append_history() {
  mkdir -p "$(dirname "$1")" && : >>"$1.lock" && { [ ! -e "$1" ] || [ -w "$1" ]; }
}
json_text() {
  local text
  text=$(printf '%s' "$1" | LC_ALL=C tr -c '[:print:]' ' ' | cut -c1-300 | sed 's/[\\"]/\\&/g')
  if [ -n "$text" ]; then printf '"%s"' "$text"; else printf null; fi
}
`;
