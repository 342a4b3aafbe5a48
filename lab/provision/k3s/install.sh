#!/bin/sh
# Installs the k3s binary that LAB_K3S names; the part `cluster` starts it.
set -eu
kind=/var/lib/rancher/lab-kind
if [ "$(cat "$kind" 2> /dev/null || echo k3s)" != k3s ]; then
  echo 'This host has the cluster that the lab builds. Unset LAB_K3S, or remove the lab: npm run lab -- down' >&2
  exit 1
fi
echo k3s > "$kind"
systemctl stop 'k3s*.service'
chown root:root /usr/local/bin/k3s.new
chmod 0755 /usr/local/bin/k3s.new
mv /usr/local/bin/k3s.new /usr/local/bin/k3s
ln -sf k3s /usr/local/bin/kubectl
mkdir -p /etc/rancher/k3s
cp config.yaml registries.yaml /etc/rancher/k3s/
cp k3s.service /etc/systemd/system/
systemctl daemon-reload
