#!/bin/sh
# The kubelet insists on these kernel settings, and they would be those of the machine that the host's container runs
# on. Here it finds them as it wants them and sets nothing.
set -eu
mkdir -p /run/k3s/kernel
shield() {
  echo "$2" > "/run/k3s/kernel/$(basename "$1")"
  if ! mountpoint -q "/proc/sys/$1"; then mount --bind "/run/k3s/kernel/$(basename "$1")" "/proc/sys/$1"; fi
}
shield vm/overcommit_memory 1
shield vm/panic_on_oom 0
shield kernel/panic 10
shield kernel/panic_on_oops 1
shield kernel/keys/root_maxkeys 1000000
shield kernel/keys/root_maxbytes 25000000
# Its watch for processes that ran out of memory wants a kernel log.
if [ ! -e /dev/kmsg ]; then ln -s /dev/null /dev/kmsg; fi
