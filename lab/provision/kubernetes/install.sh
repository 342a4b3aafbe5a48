#!/bin/sh
# Puts a cluster at k3s's paths from the programs that the lab built; the part `cluster` starts it.
set -eu
kind=/var/lib/rancher/lab-kind
if [ "$(cat "$kind" 2> /dev/null || echo kubernetes)" != kubernetes ]; then
  echo 'This host has a cluster of a real k3s. Set LAB_K3S again, or remove the lab: npm run lab -- down' >&2
  exit 1
fi
echo kubernetes > "$kind"
systemctl stop 'k3s*.service'

for program in k3s pause; do
  chown root:root "/usr/local/bin/$program.new"
  chmod 0755 "/usr/local/bin/$program.new"
done
mv /usr/local/bin/k3s.new /usr/local/bin/k3s
ln -sf k3s /usr/local/bin/kubectl

agent=/var/lib/rancher/k3s/agent
mkdir -p "$agent/etc/containerd" "$agent/etc/cni/net.d" "$agent/images" /var/lib/rancher/k3s/server/db
chmod 0700 /var/lib/rancher/k3s/server /var/lib/rancher/k3s/server/db "$agent"
sh certificates.sh "$(hostname)"
cp containerd.toml "$agent/etc/containerd/config.toml"
cp cni.conflist "$agent/etc/cni/net.d/10-lab.conflist"
cp kubelet.yaml import-images.sh "$agent/etc/"

# The program that holds a pod's namespaces becomes the image that containerd.toml names.
mv /usr/local/bin/pause.new pause
image=unidesk-lab/pause:1
tar -c pause | docker import --change 'ENTRYPOINT ["/pause"]' - "$image" > /dev/null
docker save --output "$agent/images/pause.tar" "$image"
docker image rm "$image" > /dev/null
rm pause

cp k3s.service k3s-*.service /etc/systemd/system/
systemctl daemon-reload
