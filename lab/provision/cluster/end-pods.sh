#!/bin/sh
# Asks every process of a pod to end, and ends it two seconds later.
set -u
processes() { grep -lE ':/(k8s\.io|kubepods)' /proc/[0-9]*/cgroup 2> /dev/null | cut -d / -f 3; }
processes | xargs -r kill -TERM 2> /dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do
  if [ -z "$(processes)" ]; then exit 0; fi
  sleep 0.2
done
processes | xargs -r kill -KILL 2> /dev/null
exit 0
