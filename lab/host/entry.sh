#!/bin/sh
# First process of a host: makes the container fit for systemd, then becomes it.
set -eu

# Docker mounts the cgroup trees read-only for an unprivileged container; systemd and the inner Docker write there.
mount -o remount,rw /sys/fs/cgroup
for controller in /sys/fs/cgroup/*/; do
  if mountpoint -q "$controller"; then mount -o remount,bind,rw "$controller"; fi
done
# Kubernetes wants to propagate mounts from pods back to the host.
mount --make-rshared /

# What makes this host itself lies in a volume, so that it is the same host after its container was made anew.
identity=/var/lib/unidesk-lab
mkdir -p "$identity/etc/ssh" "$identity/stamps"
ssh-keygen -A -f "$identity" > /dev/null
ln -sf "$identity"/etc/ssh/ssh_host_* /etc/ssh/
if [ ! -s "$identity/machine-id" ]; then
  systemd-id128 new > "$identity/machine-id.new"
  mv "$identity/machine-id.new" "$identity/machine-id"
fi
cp "$identity/machine-id" /etc/machine-id

exec /sbin/init
