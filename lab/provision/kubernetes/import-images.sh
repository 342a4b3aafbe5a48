#!/bin/sh
# Gives containerd the images of this folder, which no registry has, as k3s does as it starts.
set -eu
for archive in /var/lib/rancher/k3s/agent/images/*.tar; do
  k3s ctr images import "$archive" > /dev/null
done
