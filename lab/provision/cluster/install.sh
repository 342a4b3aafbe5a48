#!/bin/sh
# Starts what does not run of the cluster, and waits until its node takes pods.
set -eu
seconds=240
cp lab-pods.service /etc/systemd/system/
systemctl daemon-reload
systemctl enable --quiet --now lab-pods.service
units=$(systemctl list-unit-files --plain --no-legend 'k3s*.service' | cut -d ' ' -f 1)
systemctl enable --quiet k3s.service
# By name, because k3s.service starts no member that somebody stopped while it ran.
# shellcheck disable=SC2086
systemctl start --no-block $units

end=$(($(date +%s) + seconds))
while :; do
  state=$(sh state.sh)
  if [ "$state" = Ready ]; then exit 0; fi
  if [ "$(date +%s)" -gt "$end" ]; then break; fi
  sleep 0.5
done
{
  echo "The node is not Ready after $seconds s: $state."
  systemctl list-units --all --no-legend --plain 'k3s*.service'
  journalctl --boot --no-pager --lines 20 --output cat --unit 'k3s*'
} >&2
exit 1
