#!/usr/bin/env bash
# plain-log.sh: standard input as a job's log. Text of hosts and of a pull request is among it: it drives no terminal, and
# no line of it, such as ::error::, is a command to the runner.
set -euo pipefail

# Whoever is told to end still has something to say.
trap '' INT TERM HUP
token=$(cat /proc/sys/kernel/random/uuid)
echo "::stop-commands::$token"
LC_ALL=C sed --unbuffered 's/[[:cntrl:]]\|\xc2[\x80-\x9f]/ /g'
# The last line may have no end.
printf '\n::%s::\n' "$token"
