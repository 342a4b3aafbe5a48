#!/bin/sh
# Makes the cluster's two authorities, their certificates and the kubeconfigs at k3s's paths. Keys and certificates are
# made once in a host's life and lie in the volume; what lies elsewhere is written from them again.
set -eu
tls=/var/lib/rancher/k3s/server/tls
agent=/var/lib/rancher/k3s/agent
node=$1
umask 077

# authority NAME COMMON_NAME
authority() {
  openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
  openssl req -x509 -new -key "$1.key" -sha256 -days 3650 -subj "/CN=$2@$(date +%s)" -out "$1.crt" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign
}

# certificate NAME AUTHORITY SUBJECT USAGE [ALTERNATIVE_NAMES]; the file holds the authority too, as k3s's do.
certificate() {
  openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
  {
    echo 'basicConstraints = critical, CA:FALSE'
    echo 'keyUsage = critical, digitalSignature, keyEncipherment'
    echo "extendedKeyUsage = $4"
    if [ -n "${5:-}" ]; then echo "subjectAltName = $5"; fi
  } > extensions
  openssl req -new -key "$1.key" -subj "$3" -out request
  openssl x509 -req -in request -CA "$2.crt" -CAkey "$2.key" -sha256 -days 3650 -extfile extensions -out "$1.crt" 2> log ||
    { cat log >&2; exit 1; }
  cat "$2.crt" >> "$1.crt"
  rm request extensions log
}

if [ ! -e "$tls/server-ca.crt" ]; then
  mkdir -p "$tls"
  rm -rf "$tls.new"
  mkdir "$tls.new"
  cd "$tls.new"
  authority server-ca k3s-server-ca
  authority client-ca k3s-client-ca
  openssl ecparam -name prime256v1 -genkey -noout -out service.key
  cluster='DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local'
  certificate serving-kube-apiserver server-ca /O=k3s/CN=k3s serverAuth \
    "$cluster,DNS:localhost,DNS:$node,IP:127.0.0.1,IP:::1,IP:10.43.0.1"
  certificate serving-kubelet server-ca "/CN=$node" serverAuth "DNS:$node,DNS:localhost,IP:127.0.0.1"
  certificate client-admin client-ca /O=system:masters/CN=system:admin clientAuth
  certificate client-kube-apiserver client-ca /O=system:masters/CN=system:apiserver clientAuth
  certificate client-controller client-ca /CN=system:kube-controller-manager clientAuth
  certificate client-scheduler client-ca /CN=system:kube-scheduler clientAuth
  certificate client-kube-proxy client-ca /CN=system:kube-proxy clientAuth
  certificate client-kubelet client-ca "/O=system:nodes/CN=system:node:$node" clientAuth
  rm -rf "$tls"
  mv "$tls.new" "$tls"
fi

# kubeconfig FILE CERTIFICATE: self-contained, as k3s writes it.
kubeconfig() {
  mkdir -p "$(dirname "$1")"
  cat > "$1.new" <<END
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: $(base64 -w0 "$tls/server-ca.crt")
    server: https://127.0.0.1:6443
  name: default
contexts:
- context:
    cluster: default
    user: default
  name: default
current-context: default
kind: Config
preferences: {}
users:
- name: default
  user:
    client-certificate-data: $(base64 -w0 "$tls/$2.crt")
    client-key-data: $(base64 -w0 "$tls/$2.key")
END
  mv "$1.new" "$1"
}

kubeconfig /var/lib/rancher/k3s/server/cred/controller.kubeconfig client-controller
kubeconfig /var/lib/rancher/k3s/server/cred/scheduler.kubeconfig client-scheduler
kubeconfig "$agent/kubeproxy.kubeconfig" client-kube-proxy
kubeconfig "$agent/kubelet.kubeconfig" client-kubelet
# Last: `lab up` takes this file for the sign that the others are there.
kubeconfig /etc/rancher/k3s/k3s.yaml client-admin
chmod 0755 /etc/rancher /etc/rancher/k3s
