import type { AuthSync, K3sRuntime, K3sWorkload } from "../catalog/index.ts";
import type { HostName } from "../config/hosts.ts";
import type { Site } from "../config/site.ts";
import { UserError } from "../errors.ts";

/** How a host's cluster is reached. */
export interface ClusterTarget {
  readonly host: HostName;
  /** The kubectl command on that host, words separated by blanks; run as root, because only root reads the kubeconfig. */
  readonly kubectl: string;
}

/** A service on a cluster, as deployed and as looked at; plain data, without secrets. */
export interface K3sTarget extends ClusterTarget {
  readonly namespace: string;
  readonly workloads: readonly Pick<K3sWorkload, "name" | "port">[];
  readonly health: { readonly path: string; readonly deadlineSeconds: number };
}

/** How long a rollout may take, in seconds. */
const rolloutDeadlineSeconds = 120;

export function clusterOf(site: Site): ClusterTarget {
  const { kubernetes } = site.hosts.d601;
  if (kubernetes) return { host: "d601", kubectl: kubernetes.kubectl };
  throw new UserError({
    what: "cdktf.json: context.hosts.d601 has no kubernetes, but pins of k3s services are deployed there",
    allowed: "kubernetes { kubectl, apiPort, caCertificate }",
    remedy: "add it, or remove the pins of k3s services",
  });
}

export function k3sTargetOf(site: Site, runtime: K3sRuntime): K3sTarget {
  return {
    ...clusterOf(site),
    namespace: runtime.namespace,
    workloads: runtime.workloads.map(({ name, port }) => ({ name, port })),
    health: {
      path: runtime.health.path ?? "/health",
      deadlineSeconds: runtime.health.deadlineSeconds ?? rolloutDeadlineSeconds,
    },
  };
}

/** Where `.auth` is read and where it goes. */
export interface AuthSyncSpec extends ClusterTarget {
  readonly source: { readonly host: HostName; readonly configJson: string };
  readonly namespace: string;
  readonly sync: AuthSync;
}
