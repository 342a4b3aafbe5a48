import { asRootFunction } from "../ssh/as-root.ts";
import { decideFunction } from "./decision.ts";
import { holderFunctions } from "./holder.ts";
import { sinceBootFunction } from "./since-boot.ts";

/**
 * follow FOLDER ID UNIT FROM SECONDS: shows a deploy job's log on standard error and prints its next line for
 * the runner. FROM is `start`, or `ready` for what comes after `@ready`. `@lost` where the unit is gone without a word.
 */
export const followFunction = String.raw`${sinceBootFunction}
follow() {
  local log=$1/$2/log line part= hush= idle=0 gone=0 began now
  since_boot
  began=$now
  until [ -e "$log" ]; do
    since_boot
    [ $((now - began)) -lt 30 ] || { echo "@lost"; return; }
    sleep 0.05
  done
  [ "$4" != ready ] || ! grep -q '^@ready ' "$log" || hush=yes
  exec 3<"$log"
  while since_boot && [ $((now - began)) -lt "$5" ]; do
    if IFS= read -r line <&3; then
      line=$part$line part= idle=0 gone=0
      case $line in
        "@ready "*)
          [ "$4" = ready ] || { printf '%s\n' "$line"; return; }
          hush= ;;
        @unchanged | "@refused "* | "@ended "*) printf '%s\n' "$line"; return ;;
        *) [ -n "$hush" ] || say "$line" ;;
      esac
      continue
    fi
    part=$part$line
    sleep 0.1
    idle=$((idle + 1))
    if [ $((idle % 15)) = 0 ]; then
      case $(systemctl show -p ActiveState --value "$3") in
        inactive | failed) gone=$((gone + 1)) ;;
        # Without an answer, as of a systemd that is busy, nobody knows that it is gone.
        *) gone=0 ;;
      esac
      [ "$gone" -lt 2 ] || { echo "@lost"; return; }
    fi
  done
  echo "@lost"
}
`;

/**
 * Starts a deploy job as a systemd unit and follows it until it is ready to be verified, or ended. Arguments:
 * folder of the service's jobs, id, service, its unit, run id, how long to wait for another job of the service, user,
 * folder of the boot unit's script, name of the boot unit. Standard input: five lines of base64 with the job's
 * script, its spec, the boot unit's script, the boot unit, and an empty one.
 * Called again with the same id it only follows.
 */
export const startJobScript = String.raw`
set -u
export LC_ALL=C
umask 077
folder=$1 id=$2 service=$3 unit=$4 run=$5 bound=$6 user=$7 end_all=$8 boot_unit=/etc/systemd/system/$9
IFS= read -r job && IFS= read -r spec && IFS= read -r end_all_text && IFS= read -r boot_text || { echo "incomplete input" >&2; exit 1; }
${holderFunctions}
${followFunction}
${asRootFunction}
# put FILE BASE64: in one rename, where it differs
put() {
  local stage
  base64 -d <<< "$2" | cmp -s - "$1" && return 0
  mkdir -p "$(dirname "$1")" && stage=$(mktemp "$1.XXXXXX") || return 1
  base64 -d <<< "$2" > "$stage" && sync "$stage" && mv -f "$stage" "$1" || { rm -f "$stage"; return 1; }
}
install_boot_unit() {
  put "$end_all" "$end_all_text" || return 1
  base64 -d <<< "$boot_text" | cmp -s - "$boot_unit" && [ -e "/etc/systemd/system/multi-user.target.wants/$(basename "$boot_unit")" ] && return 0
  exec 7>>"$end_all.lock"
  flock -w 60 7 || return 1
  base64 -d <<< "$boot_text" | as_root sh -c 'umask 022; cat > "$1.new" && sync "$1.new" && mv -f "$1.new" "$1" && systemctl daemon-reload && systemctl --quiet enable "$(basename "$1")"' install "$boot_unit" 7>&- || return 1
  exec 7>&-
}
# A job that is active has the service: its own siblings are not waited for with a bound.
started=$SECONDS last=$SECONDS counted=0 shown_at=-60
put "$folder/$id/spec" "$spec" || { echo "$folder cannot be written" >&2; exit 1; }
install_boot_unit || { echo "the boot unit $boot_unit could not be installed" >&2; exit 1; }
while [ ! -e "$folder/$id/log" ]; do
  case $(systemctl show -p ActiveState --value "$unit") in
    active | activating | deactivating | reloading)
      holder=$(head -n 1 "$folder/lock" 2>/dev/null)
      if [ $((SECONDS - shown_at)) -ge 15 ]; then
        say "waiting for another deployment of $service: $(describe_holder "$holder")"
        shown_at=$SECONDS
      fi
      sleep 0.5
      [ "$(printf '%s' "$holder" | cut -d' ' -f1)" = "$run" ] || counted=$((counted + SECONDS - last))
      last=$SECONDS
      if [ "$counted" -ge "$bound" ] || [ $((SECONDS - started)) -ge 1200 ]; then
        say "$unit is still active after $((SECONDS - started)) s: $(describe_holder "$holder")"
        exit 75
      fi
      continue ;;
  esac
  put "$folder/job" "$job" || { echo "$folder cannot be written" >&2; exit 1; }
  # The newest few are kept, for whoever looks for a reason.
  find "$folder" -mindepth 1 -maxdepth 1 -type d ! -name "$id" | sort | head -n -5 | while IFS= read -r old; do
    grep -qF "$(basename "$old")" "$folder/pending" 2>/dev/null || rm -rf "$old"
  done
  said=$(as_root systemd-run --quiet --collect --unit="$unit" --uid="$user" --description="UniDesk deployment of $service" \
    --property=Type=exec --property=After=docker.service --property=TimeoutStopSec=600 --property=LimitCORE=0 \
    --property="ExecStopPost=/bin/bash \"$folder/job\" stopped \"$folder\"" \
    /bin/bash "$folder/job" run "$folder" "$id" 2>&1) && break
  case $said in
    *already*) sleep 0.2 ;; # somebody else was faster
    *) printf 'the deploy job %s could not be started: %s\n' "$unit" "$said" >&2; exit 1 ;;
  esac
done
follow "$folder" "$id" "$unit" start 1500
`;

/**
 * Hands the runner's decision to a deploy job and follows it to its end. Arguments: folder, id, unit, confirm or
 * abort, the reason, how long to follow. Prints the decision that won, then the job's last line.
 */
export const decideScript = `
set -u
export LC_ALL=C
umask 077
folder=$1 id=$2 unit=$3
${holderFunctions}
${decideFunction}
${followFunction}
if [ ! -d "$folder/$id" ]; then
  echo none
  echo "@refused 1"
  exit
fi
decide "$folder/$id" "$4" "$5" || exit 1
# The job did not begin: should it still, it finds the decision before it changes anything.
if [ ! -e "$folder/$id/log" ]; then
  echo "@refused 76"
  exit
fi
follow "$folder" "$id" "$unit" ready "$6"
`;
