/**
 * Shell functions about who holds something. A holder line says `<run> <epoch> <service> <commit> <operator>`.
 *
 * wait_for LOCK DESCRIPTOR SECONDS WHAT CANCEL: waits until it holds the lock on that descriptor, shows who has it
 * and since when, and gives up after SECONDS (exit 75) or when the file CANCEL is there (exit 76). Waiting for a
 * holder of one's own run does not count: siblings of one apply queue up here by design; a bound of its own keeps that finite.
 */
export const holderFunctions = String.raw`
say() { printf '%s\n' "$*" >&2; }
# holder_line RUN SERVICE COMMIT OPERATOR
holder_line() { printf '%s %s %s %s %s\n' "$1" "$(date +%s)" "$2" "$3" "$4"; }
# describe_holder LINE
describe_holder() {
  local run since service commit operator
  read -r run since service commit operator <<< "$1"
  if [[ $since =~ ^[0-9]+$ ]]; then
    printf '%s %s by %s, for %s s' "$service" "$commit" "$operator" "$(($(date +%s) - since))"
  else
    printf '%s' "$1"
  fi
}
wait_for() {
  local began=$SECONDS last=$SECONDS counted=0 shown= shown_at=0 holder
  flock -n "$2" && return 0
  while :; do
    holder=$(head -n 1 "$1" 2>/dev/null)
    if [ "$holder" != "$shown" ] || [ $((SECONDS - shown_at)) -ge 15 ]; then
      say "waiting for $4: $(describe_holder "$holder")"
      shown=$holder shown_at=$SECONDS
    fi
    flock -w 2 "$2" && return 0
    [ "$(printf '%s' "$holder" | cut -d' ' -f1)" = "$run" ] || counted=$((counted + SECONDS - last))
    last=$SECONDS
    [ ! -e "$5" ] || return 76
    if [ "$counted" -ge "$3" ] || [ $((SECONDS - began)) -ge 1200 ]; then
      say "the lock $1 is still held after $((SECONDS - began)) s by: $(describe_holder "$holder")"
      return 75
    fi
  done
}
`;
