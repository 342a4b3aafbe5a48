import { exitCodes } from "../errors.ts";
import { registryReadOnlyLabel } from "../labels.ts";
import { listingFunction } from "./storage.ts";

/** `@refused` with it: something may have happened since the plan was made, so another plan is needed. */
export const planTooOld = 76;

/**
 * The prune, on the registry's host and as root; a systemd unit, because a runner can die.
 *
 * `run FOLDER` prunes by FOLDER/spec and FOLDER/plan. `undo FOLDER` makes the registry writable again; the unit calls
 * it after the end in every case, and it changes nothing where nothing is left to undo. Garbage collection runs inside the
 * read-only container and so cannot outlive it: whatever brings the writable one back has ended it.
 *
 * Lines of the plan: `repository <name> <listing's hash>`, `tag <repository> <tag> <digest>`,
 * `manifest <repository> <hex>`. To FOLDER/log; lines for the runner: `@refused <exit code>`, `@ended <word> <text>` with
 * the word `done`, `failed`, or `closed` where the registry was not seen to become writable.
 */
export const pruneJobScript = String.raw`
set -uo pipefail
export LC_ALL=C PATH="$PATH:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/snap/bin"
umask 022
${listingFunction}
say() { printf '%s\n' "$*" >&2; }
refuse() { say "$2"; printf '@refused %s\n' "$1"; exit "$1"; }
# fail TEXT: publishers wait until the registry is writable again
fail() { say "$1"; undo 9>&- || closed "$1"; printf '@ended failed %s\n' "$1"; exit 1; }
# closed TEXT: what was done, where the registry was not seen to become writable
closed() { printf '@ended closed %s\n' "$1"; exit 1; }
api() { curl -s --noproxy '*' -o /dev/null --max-time 5 -w '%{http_code}' "$@" || true; }
answers() { [ "$(api "$url/v2/")" = 200 ]; }
# mode: "prune" where the registry's container is read-only, "rw" where it is not, nothing where there is no container
mode() { timeout 20 docker inspect --type container -f '{{if .State.Running}}{{or (index .Config.Labels "${registryReadOnlyLabel}") "rw"}}{{end}}' "$name" 2>/dev/null; }
until_it_answers() {
  local began=$SECONDS
  until answers && [ "$(mode)" = "$1" ]; do
    [ $((SECONDS - began)) -lt 90 ] || return 1
    sleep 0.2
  done
}
read_only() {
  mkdir -p "$override" "$(dirname "$drop_in")" || return 1
  printf '%s' "$compose_text" > "$override/read-only.json" && printf '%s' "$serve_text" > "$override/serve" &&
    printf '%s' "$drop_in_text" > "$drop_in" && systemctl daemon-reload && systemctl restart "$unit" || return 1
  until_it_answers prune || return 1
  # Believed when it was seen to refuse a push.
  [ "$(api -X POST "$url/v2/$probe_repository/blobs/uploads/")" = 405 ]
}
# 0 where the registry is writable. The folder goes last: as long as it is there something may be left to undo.
undo() {
  [ -e "$override" ] || [ -e "$drop_in" ] || [ "$(mode)" = prune ] || return 0
  rm -f "$drop_in"
  rmdir "$(dirname "$drop_in")" 2>/dev/null
  systemctl daemon-reload
  # Not where somebody stopped it: the next start finds the managed unit alone.
  systemctl try-restart "$unit" || say "the registry could not be restarted; its next start is writable"
  systemctl --quiet is-active "$unit" || { say "$unit does not run; its next start is writable"; return 1; }
  until_it_answers rw || { say "the registry gives no answer yet; its unit starts it writable"; return 1; }
  rm -rf "$override"
}
# unchanged: what goes is what was decided about, and nobody was told since that it is there
unchanged() {
  local kind repository first second
  while read -r kind repository first second; do
    case $kind in
      repository)
        [ "$(cd "$tree/repositories/$repository" && listing | sha256sum | cut -d' ' -f1)" = "$first" ] ||
          { say "$repository changed since it was looked at"; return 1; } ;;
      tag)
        second=$(find "$artifacts/$(basename "$repository")/$first.json" -newermt "@$looked_at" 2>/dev/null)
        [ -z "$second" ] || { say "$repository:$first was published since it was looked at"; return 1; } ;;
    esac
  done < "$here/plan"
}
# Tags before manifests: a tag never names what is gone. On the disk before the first blob goes.
unlink_all() {
  local kind repository first second
  while read -r kind repository first second; do
    [ "$kind" != tag ] || rm -rf "$tree/repositories/$repository/_manifests/tags/$first" || return 1
  done < "$here/plan"
  while read -r kind repository first second; do
    [ "$kind" != manifest ] || rm -rf "$tree/repositories/$repository/_manifests/revisions/sha256/$first" || return 1
  done < "$here/plan"
  sync -f "$tree"
}
run_job() {
  trap 'undo 9>&-; exit 143' TERM INT HUP
  if [ -e "$override" ] || [ -e "$drop_in" ]; then say "undoing what an earlier prune left"; undo; fi
  exec 9>>"$publish_lock" || refuse 1 "the lock $publish_lock cannot be opened"
  if ! flock -n 9; then
    say "waiting for publishers that push"
    flock -w "$lock_wait" 9 || refuse 75 "somebody publishes for more than $lock_wait s"
    # What was pushed may run by now: the plan does not know.
    refuse ${planTooOld} "the plan is too old: publishers pushed meanwhile"
  fi
  answers || refuse ${exitCodes.infraBlocked} "the registry does not answer"
  unchanged || refuse ${planTooOld} "the plan is too old"
  say "the registry becomes read-only"
  read_only 9>&- || fail "the registry did not become read-only, so nothing was removed"
  unchanged || { undo 9>&- || closed "nothing was pruned"; refuse ${planTooOld} "the plan is too old"; }
  say "removing tags and manifests"
  unlink_all || fail "tags could not be removed"
  say "collecting garbage"
  timeout -k 10 5400 docker exec "$name" registry garbage-collect /etc/docker/registry/config.yml > "$here/gc" 2>&1 9>&- </dev/null ||
    fail "the garbage collection failed: $({ echo "it was cut off"; cat "$here/gc"; } | tail -n 1 | tr -c '[:print:]\n' ' ' | cut -c1-200)"
  say "the registry becomes writable"
  undo 9>&- || closed "pruned"
  printf '@ended done pruned\n'
}
here=$2
exec >>"$here/log" 2>&1
. "$here/spec"
case $1 in
  run) run_job ;;
  undo) undo ;;
esac
`;
