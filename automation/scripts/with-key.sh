#!/usr/bin/env bash
# with-key.sh COMMAND…: runs the command with UNIDESK_SSH_KEY as the file ./.unidesk/ssh/id, which is gone afterwards.
# Without a key the hosts are not asked: the command sees what the state and the files say.
set -euo pipefail

key=${UNIDESK_SSH_KEY:-}
unset UNIDESK_SSH_KEY
if [ -z "$key" ]; then
  export UNIDESK_OBSERVE=off TF_CLI_ARGS_plan=-refresh=false
  "$@"
  exit
fi
trap 'rm -rf .unidesk/ssh' EXIT
install -d -m 700 .unidesk/ssh
(umask 077 && printf '%s\n' "$key" > .unidesk/ssh/id)
"$@"
