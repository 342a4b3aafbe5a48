/** The cluster's admin kubeconfig, as k3s writes it; only root reads it. */
export const kubeconfigPath = "/etc/rancher/k3s/k3s.yaml";

/**
 * An option of every kubectl that a step or a look runs: the cluster of a host is the one that Terraform's provider gets its
 * certificate of, whatever KUBECONFIG or root's own configuration says there.
 */
export const kubeconfigOption = `--kubeconfig=${kubeconfigPath}`;
