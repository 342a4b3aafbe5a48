/**
 * Shell functions about the file `pending`: what was there before a deployment, and what it did so far. It is on
 * disk before anything changes and goes away last, so that whoever finds it knows how to go back.
 */
export const pendingFunctions = String.raw`
pending_names='id started previous_container previous_image previous_commit previous_running previous_status previous_stable previous_keys previous_labels previous_ids recreated_at new_container answered_at restoring restored_container'
forget_pending() { local name; for name in $pending_names; do printf -v "$name" %s ''; done; }
write_pending() {
  local name
  for name in $pending_names; do declare -p "$name" | sed 's/^declare -[^ ]* //'; done > "$folder/pending.$$" &&
    sync "$folder/pending.$$" && mv -f "$folder/pending.$$" "$folder/pending" && sync "$folder"
}
remove_pending() { rm -f "$folder/pending" && sync "$folder"; }
# keys_now: this service's keys as the env file has them, in one word
keys_now() { sed 's/=.*//' <<< "$keys" | get_env_keys "$env_file" | base64 -w0; }
# note_previous CURRENT: everything that a restore needs
note_previous() {
  previous_container=$1
  previous_stable=$(image_of "$stable")
  previous_ids=$(service_containers -q --no-trunc | tr '\n' ' ') || return 1
  previous_keys=$(keys_now) || return 1
  [ -n "$1" ] || return 0
  previous_image=$(field "$1" '{{.Image}}')
  [ -n "$previous_image" ] || return 1
  previous_commit=$(image_commit "$previous_image")
  previous_labels=$(labels_of "$1")
  case $(field "$1" '{{.State.Status}}') in
    running | restarting | paused) previous_running=yes previous_status=$(http_status "$1") ;;
    *) previous_running=no previous_status=000 ;;
  esac
}
`;
