import { getEnvKeysFunction, setEnvKeysFunction } from "../compose/env-file.ts";
import { controlledEnvFileFunction } from "../compose/env-file-path.ts";
import { composeFilesFunctions } from "../compose/files.ts";
import { labelsOverrideFunction } from "../compose/labels-override.ts";
import { resolvedConfigFunctions } from "../compose/resolved.ts";
import { composeSaidFunction } from "../compose/said.ts";
import { historyFunctions } from "../history/append.ts";
import { containerFunctions } from "./container.ts";
import { decideFunction } from "./decision.ts";
import { holderFunctions } from "./holder.ts";
import { pendingFunctions } from "./pending.ts";
import { restoreFunctions } from "./restore.ts";
import { sinceBootFunction } from "./since-boot.ts";

/**
 * The deploy job: brings one Compose service to an image on its host, waits for the runner's decision and, unless
 * that is `confirm`, goes back. It runs as a systemd unit, because a runner can die.
 *
 * `run FOLDER ID` deploys by FOLDER/ID/spec. `restore FOLDER` ends what `pending` says. `stopped FOLDER` does the
 * same after the unit was ended, unless the host goes down: then the boot unit does it.
 * Everything goes to FOLDER/ID/log; lines with an @ in front are for the runner:
 * `@ready <container>`, `@unchanged`, `@refused <exit code>`, `@ended <result> <text>`; `unrecorded` is a result too.
 */
export const deployJobScript = String.raw`
set -uo pipefail
export LC_ALL=C PATH="$PATH:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/snap/bin"
umask 077
${sinceBootFunction}
${holderFunctions}
${decideFunction}
${controlledEnvFileFunction}
${getEnvKeysFunction}
${setEnvKeysFunction}
${labelsOverrideFunction}
${composeFilesFunctions}
${composeSaidFunction}
${resolvedConfigFunctions}
${historyFunctions}
${containerFunctions}
${pendingFunctions}
${restoreFunctions}
# The env file and "docker compose up" are one critical section of the project: of two that interleave one loses its keys.
lock_project() {
  local cancel=$folder/none
  [ -n "$restoring" ] || [ -e "$here/decision" ] || cancel=$here/decision
  mkdir -p "$(dirname "$lock")"
  exec 9>>"$lock" || { problem="the lock $lock cannot be opened"; return 1; }
  wait_for "$lock" 9 "$lock_wait" "another deployment of project $project" "$cancel" || { set -- $?; problem="the lock $lock is held"; exec 9>&-; return "$1"; }
  holder_line "$run" "$service" "$commit" "$operator" > "$lock"
}
unlock_project() { exec 9>&-; }
# refuse EXIT_CODE: nothing was changed
refuse() {
  printf '@refused %s\n' "$1"
  exit "$1"
}
open_job() {
  here=$folder/$id
  exec >>"$here/log" 2>&1
  . "$here/spec"
  fingerprint=$fingerprint_file
}
run_job() {
  local turn
  id=$1
  open_job
  trap 'exit 143' TERM INT HUP
  exec 8>>"$folder/lock" || refuse 1
  for turn in 1 2 3; do
    wait_for "$folder/lock" 8 "$lock_wait" "another deployment of $service" "$here/decision" || refuse $?
    [ -f "$folder/pending" ] && [ "$turn" != 3 ] || break
    exec 8>&-
    say "an earlier deployment of $service was cut off and is undone first"
    # Where that fails, what runs is nobody's: it is recreated whatever it looks like.
    bash "$folder/job" restore "$folder" </dev/null || force=force
    exec 8>>"$folder/lock" || refuse 1
  done
  holder_line "$run" "$service" "$commit" "$operator" > "$folder/lock"
  forget_pending
  id=$1 started=$(date -u +%FT%TZ)
  deploy
}
# Compose would replace any container of the service, but only the one of this name is noted and can be put back.
require_own_name() {
  local others
  others=$(other_names) || no_answer
  [ -n "$others" ] || return 0
  say "nothing was changed: the service $compose_service of the Compose project $project has a container that a failed deployment could not put back"
  say "found: $(paste -sd' ' <<< "$others")"
  say "allowed: one container, named $container"
  say "remedy: in the project's Compose file give $compose_service the container_name $container and no scale, and bring it up once by hand; or correct its container in the catalog (lib/catalog/services.ts)"
  refuse 1
}
# Of files that nobody told us a recreate would leave out what they say about the service.
require_all_files() {
  local forgotten
  forgotten=$(forgotten_files "$(field "$1" '{{index .Config.Labels "com.docker.compose.project.config_files"}}')" "$root" "$compose_file" "$folder")
  [ -n "$forgotten" ] || return 0
  say "nothing was changed: $container was made from more Compose files than context.hosts names, and a recreate would leave out what they say"
  say "found: $(paste -sd' ' <<< "$forgotten")"
  say "allowed: $(real_files "$root" <<< "$compose_file" | paste -sd' ')"
  say "remedy: in cdktf.json name them all, in their order, as compose.file of this host; or bring $compose_service up once by hand with the allowed ones alone"
  refuse 1
}
# Compose hands an unnamed volume on to a container whose image, or project, has the same place without a name for it; any
# other one begins without its data, and so does the one that going back would make.
require_volumes() {
  local mounts places place section kept lost=
  mounts=$(field "$1" '{{range .Mounts}}{{if eq .Type "volume"}}{{println .Name .Destination}}{{end}}{{end}}') || no_answer
  places=$(awk 'length($1) == 64 && $1 !~ /[^0-9a-f]/ { print substr($0, 66) }' <<< "$mounts")
  [ -n "$places" ] || return 0
  kept=$(timeout 20 docker image inspect -f '{{range $place, $_ := .Config.Volumes}}{{println $place}}{{end}}' "$image_id") || no_answer
  # Compose resolves more for this than for a recreate: where it cannot, the image alone says what is kept.
  section=$(resolved_project "$project" "$root" "$compose_file" "$env_file" | service_section "$compose_service")
  while IFS= read -r place; do
    case $(volume_entry "$place" <<< "$section") in
      bare) ;;
      named) lost="$lost $place" ;;
      *) grep -qxF -- "$place" <<< "$kept" || lost="$lost $place" ;;
    esac
  done <<< "$places"
  [ -n "$lost" ] || return 0
  say "nothing was changed: $container keeps data in an unnamed volume, and the new one would come up without it"
  say "found: a volume at$lost; of that place $compose_service in the Compose project $project has another one, or neither it nor the image of $commit has any"
  say "remedy: name a volume for it in the project's Compose file, move the data there, and bring $compose_service up once by hand; or remove the container with its volume (docker rm -fv $container) if nobody needs the data"
  refuse 1
}
# volume_entry PLACE, with a service's section on standard input: bare or named as its entry for that place is, or nothing
volume_entry() {
  place=$1 awk '
    { sub(/^ +/, "") }
    /^- / { source = 0 }
    /^(- )?source: / { source = 1 }
    $0 == "target: " ENVIRON["place"] { found = source ? "named" : "bare" }
    END { print found }
  '
}
no_answer() {
  say "nothing was changed: Docker gives no answer"
  refuse 1
}
deploy() {
  local current
  lock_project || refuse $?
  [ ! -e "$here/decision" ] || { say "nothing was changed: the runner gave up meanwhile"; refuse 76; }
  env_file=$(controlled_env_file "$env_file_path" "$config_json" "$root") || refuse 1
  [ -f "$env_file" ] || { say "the env file $env_file is not there"; refuse 1; }
  # Before anything is written: with a Compose file that cannot be read, keys and tag would wait for anybody's next "up".
  compose "" --profile '*' config --services > "$here/services" 2>"$here/up"
  grep -qxF -- "$compose_service" "$here/services" || {
    cat "$here/up" >&2
    say "nothing was changed: the Compose project $project in $root ($(paste -sd' ' <<< "$compose_file")) does not define $compose_service, or cannot be read"
    refuse 1
  }
  require_own_name
  current=$(container_id) || no_answer
  if [ "$force" != force ] && [ -n "$current" ] && [ "$(field "$current" '{{.State.Status}} {{.Image}}')" = "running $image_id" ] && was_told_commit "$current" && has_labels "$current"; then
    put_keys_and_name || refuse 1
    echo @unchanged
    exit 0
  fi
  [ -z "$current" ] || { require_all_files "$current"; require_volumes "$current"; }
  # With a full disk, or in a folder that cannot be written, neither this nor going back would work.
  printf '%s\n' "$keys" | set_env_keys "$env_file" try >/dev/null || { say "nothing was changed: the env file $env_file cannot be written; see its folder and the disk"; refuse 1; }
  # What nobody can write down is nothing to go back to later.
  can_append_history "$history_file" || { say "nothing was changed: the history $history_file cannot be written; see its owner, its folder and the disk"; refuse 1; }
  note_previous "$current" && write_pending || { say "nothing was changed: what runs now could not be noted"; refuse 1; }
  put_keys_and_name || give_up "the keys or the image's name could not be written"
  say "recreating $compose_service"
  recreated_at=$(date +%s.%3N)
  write_pending
  recreate "$labels" || give_up "docker compose up failed: $(tail -n 1 "$here/up")"
  new_container=$(container_id)
  write_pending
  unlock_project
  echo "@ready $new_container"
  await_decision
  conclude
}
put_keys_and_name() {
  local changed
  changed=$(printf '%s\n' "$keys" | set_env_keys "$env_file") || return 1
  [ "$changed" = unchanged ] || say "wrote this service's keys to $env_file"
  if [ "$(image_of "$stable")" != "$image_id" ]; then
    timeout 60 docker tag "$image_id" "$stable" || return 1
    say "tagged $stable"
  fi
}
give_up() {
  unlock_project
  say "$1"
  decide "$here" failed "$1" >/dev/null
  conclude
  exit 1
}
# Until the runner decided, or nobody did in time; where that cannot be written down, until there is room, which going back
# needs too, and an hour at most. Notes when the first good answer came.
await_decision() {
  local began now bound=$((health_deadline + confirm_slack))
  since_boot
  began=$now
  until [ -e "$here/decision" ]; do
    if [ -z "$answered_at" ] && [ "$(http_status "$new_container")" = 200 ]; then
      answered_at=$(date +%s.%3N)
    fi
    since_boot
    if [ $((now - began)) -ge "$bound" ] && ! decide "$here" timeout "nobody confirmed it in $bound s" >/dev/null; then
      [ $((now - began)) -lt $((bound + 3600)) ] || return
      sleep 5
    fi
    sleep 0.2
  done
}
end_pending() {
  exec 8>>"$folder/lock" || exit 1
  flock -w 600 8 || exit 75
  [ -f "$folder/pending" ] || exit 0
  forget_pending
  . "$folder/pending"
  open_job
  decide "$here" lost "the deploy job was cut off before it was decided" >/dev/null
  conclude
}
mode=$1 folder=$2
problem= reason= restoring=
case $mode in
  run) run_job "$3" ;;
  restore) end_pending ;;
  stopped)
    # On the way down the boot unit is the one that restores; without an answer that is what this is.
    case $(systemctl is-system-running 2>/dev/null) in running | degraded | starting | initializing) end_pending ;; esac
    ;;
esac
`;
