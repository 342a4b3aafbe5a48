import { leastSecondsToGoBack } from "./job-spec.ts";

/**
 * Shell functions that end a deployment: as deployed, or by going back to what `pending` says. Going back is
 * convergent: it can be cut anywhere and run again, and it leaves alone what is not of this deployment.
 */
export const restoreFunctions = String.raw`
# finish RESULT TEXT REASON drop|keep: history first, pending last. What cannot be written down now is by whoever comes next.
finish() {
  local line downtime=null
  [ -z "$recreated_at" ] || [ -z "$answered_at" ] || [ -z "$previous_container" ] ||
    downtime=$(awk -v from="$recreated_at" -v to="$answered_at" 'BEGIN { printf "%.1f", (to > from ? to - from : 0) }')
  line="{$history_fields,\"previousCommit\":$(json_text "$previous_commit"),\"startedAt\":\"$started\",\"finishedAt\":\"$(date -u +%FT%TZ)\",\"downtimeSeconds\":$downtime,\"result\":\"$1\",\"reason\":$(json_text "$3")}"
  if ! grep -q "\"id\":\"$id\".*\"result\":\"$1\"" "$history_file" 2>/dev/null && ! append_history "$history_file" "$line"; then
    say "the history $history_file could not be written; the next deployment of $service writes this one's line"
    if [ "$1" = deployed ]; then set -- unrecorded "$2" "$3" keep; else set -- "$1" "$2" "$3" keep; fi
  fi
  [ "$4" = keep ] || remove_pending
  printf '@ended %s %s\n' "$1" "$2"
}
# conclude: by the decision, where there is one
conclude() {
  local decision= reason="its end could not be written down"
  [ ! -e "$here/decision" ] || { decision=$(head -n 1 "$here/decision"); reason=$(sed -n 2p "$here/decision"); }
  # Not after it was begun to be put back.
  if [ "$decision" = confirm ] && [ -z "$restoring" ]; then
    finish deployed "$service is live at $commit" "" drop
  else
    restore "$reason"
  fi
}
# Whether a container came from this deployment or from an earlier try to undo it.
is_ours() {
  [ "$1" != "$new_container" ] && [ "$1" != "$restored_container" ] || return 0
  local image
  image=$(field "$1" '{{.Image}}')
  # Cut between Compose and the note of what it made.
  [ -z "$new_container" ] && [ "$image" = "$image_id" ] && was_told_commit "$1" && return 0
  [ "$restoring" = yes ] && [ -z "$restored_container" ] && [ "$image" = "$previous_image" ]
}
show_last_lines() {
  [ -n "$1" ] && [ "$1" != "$previous_container" ] && [ "$1" != "$restored_container" ] && [ -z "$restoring" ] || return 0
  say "last lines of the container that is taken away:"
  timeout 10 docker logs --tail 10 "$1" 2>&1 | tr -c '[:print:]\n' ' ' | cut -c1-200 | sed 's/^/  | /' >&2
}
restore() {
  local current answer
  reason=$1
  say "$reason; restoring"
  if ! until_docker_answers || ! lock_project; then finish restore-failed "restore failed: $problem" "$reason; restore: $problem" keep; return 1; fi
  current=$(container_id)
  if [ -n "$current" ] && [ "$current" != "$previous_container" ] && ! is_ours "$current"; then
    unlock_project
    finish superseded "somebody else put another container there; it was left alone" "$reason" drop
    return 0
  fi
  show_last_lines "$current"
  restoring=yes
  write_pending
  problem=
  put_back "$current"
  answer=$?
  unlock_project
  if [ "$answer" != 0 ]; then
    finish restore-failed "restore failed: $problem" "$reason; restore: $problem" keep
    return 1
  fi
  if [ -z "$previous_container" ]; then
    finish removed "first deployment: removed" "$reason" drop
  elif wait_for_answer; then
    finish restored "$answered" "$reason" drop
  else
    finish restore-failed "restore failed: the previous $previous_name was put back, but gave no good answer in $answer_wait s" "$reason; the previous $previous_name gave no answer" drop
    return 1
  fi
}
until_docker_answers() {
  local began=$SECONDS
  until timeout 10 docker version -f '{{.Server.Version}}' >/dev/null 2>&1; do
    [ $((SECONDS - began)) -lt 60 ] || { problem="Docker gives no answer"; return 1; }
    sleep 1
  done
}
# put_back CURRENT: under the project's lock; names in problem what did not work
put_back() {
  local other
  env_file=$(controlled_env_file "$env_file_path" "$config_json" "$root") || { problem="no env file is named"; return 1; }
  drop_env_stages "$env_file"
  problem="the env file $env_file could not be written"
  # Where nothing is to be put back a file that cannot be written is no reason to fail.
  [ "$(keys_now)" = "$previous_keys" ] || base64 -d <<< "$previous_keys" | set_env_keys "$env_file" >/dev/null || return 1
  # What Compose was making when it was cut.
  for other in $(service_containers -q --no-trunc); do
    case " $previous_ids $1 " in *" $other "*) ;; *) timeout 60 docker rm -fv "$other" >/dev/null ;; esac
  done
  [ -n "$previous_container" ] || { remove_first "$1"; return; }
  problem="the previous image $previous_image is gone"
  timeout 60 docker tag "$previous_image" "$stable" || return 1
  [ "$1" = "$previous_container" ] && is_as_before "$1" && return 0
  [ -n "$1" ] && [ "$1" = "$restored_container" ] && [ "$(field "$1" '{{.State.Running}}')" = true ] && return 0
  recreate "$previous_labels"
  if [ $? != 0 ]; then
    problem="docker compose up: $(tail -n 1 "$here/up")"
    return 1
  fi
  restored_container=$(container_id)
  write_pending
}
is_as_before() {
  [ "$previous_running" = no ] || [ "$(field "$1" '{{.State.Running}}')" = true ]
}
remove_first() {
  problem="the container could not be removed"
  [ -z "$1" ] || timeout 60 docker rm -fv "$1" >/dev/null || return 1
  problem="the image name $stable could not be put back"
  if [ -n "$previous_stable" ]; then
    timeout 60 docker tag "$previous_stable" "$stable"
  elif [ "$(image_of "$stable")" = "$image_id" ] && [ "$(timeout 20 docker image inspect -f '{{len .RepoTags}}' "$stable")" -gt 1 ]; then
    timeout 60 docker rmi --no-prune "$stable" >/dev/null
  fi
}
# wait_for_answer: of what was put back; one that gave no good answer before need not give one now. A short deadline of the
# new commit's says little about the previous one, on a host that is busy with both.
wait_for_answer() {
  local began=$SECONDS status current
  answer_wait=$((health_deadline > ${leastSecondsToGoBack} ? health_deadline : ${leastSecondsToGoBack}))
  previous_name="commit $previous_commit"
  [ -n "$previous_commit" ] || previous_name="image $previous_image"
  answered="the previous $previous_name is back; it did not answer before"
  [ "$previous_running" = yes ] && [ "$previous_status" != 000 ] || return 0
  answered="the previous $previous_name answers again"
  while :; do
    current=$(container_id)
    status=000
    [ -z "$current" ] || status=$(http_status "$current")
    if [ "$status" = 200 ] || [ "$status" = "$previous_status" ]; then
      answered_at=$(date +%s.%3N)
      return 0
    fi
    [ $((SECONDS - began)) -lt "$answer_wait" ] || return 1
    sleep 0.3
  done
}
`;
