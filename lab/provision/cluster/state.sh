#!/bin/sh
# Prints `Ready` where the cluster takes pods, else what it lacks, in one line.
set -u
for unit in $(systemctl list-unit-files --plain --no-legend 'k3s*.service' | cut -d ' ' -f 1); do
  state=$(systemctl is-active "$unit")
  if [ "$state" != active ]; then echo "$unit is $state"; exit; fi
done
# The kubelet itself is asked first: what the API says of the node is up to 40 s old.
if ! curl -sf -o /dev/null --max-time 3 http://127.0.0.1:10248/healthz; then echo 'no kubelet'; exit; fi
ready='jsonpath={.status.conditions[?(@.type=="Ready")].status}'
state=$(timeout 5 kubectl --kubeconfig /etc/rancher/k3s/k3s.yaml get node "$(hostname)" -o "$ready" 2> /dev/null) ||
  { echo 'no API'; exit; }
if [ "$state" = True ]; then echo Ready; else echo NotReady; fi
