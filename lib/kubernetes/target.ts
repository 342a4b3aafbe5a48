import type { AuthSync, K3sRuntime, K3sWorkload } from "../catalog/index.ts";
import { repositoryName } from "../config/ci-file.ts";
import { clusterOf as readCluster } from "../config/cluster.ts";
import type { Connection, HostName } from "../config/hosts.ts";
import type { Site } from "../config/site.ts";
import { UserError } from "../errors.ts";
import { hostPaths } from "../host-paths.ts";
import type { CredentialSpec } from "./credential-args.ts";
import { localPortOf } from "./local-port.ts";

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
  /** Port of the registry on the host's loopback: a part of every image's name. */
  readonly registryPort: number;
}

/** Name of an artifact on the cluster's node; there by the delivery, so that nothing is pulled under it. */
export function clusterImage(registryPort: number, service: string, commit: string): string {
  return `127.0.0.1:${registryPort}/${repositoryName(service)}:${commit}`;
}

/** How long a rollout may take, in seconds. */
export const rolloutDeadlineSeconds = 120;

export function clusterOf(site: Site): ClusterTarget {
  const { kubernetes } = site.hosts.d601;
  if (!kubernetes) throw noCluster();
  return { host: "d601", kubectl: kubernetes.kubectl };
}

function noCluster(): UserError {
  return new UserError({
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
    registryPort: site.registry.port,
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
  /** Deployments whose pods start with it. */
  readonly deployments: readonly string[];
}

/** Undefined for a service that needs nothing of `.auth`. */
export function authSyncSpecOf(site: Site, { namespace, workloads, authSync }: K3sRuntime): AuthSyncSpec | undefined {
  if (!authSync) return undefined;
  return {
    ...clusterOf(site),
    source: { host: "main-server", configJson: site.hosts["main-server"].configJson },
    namespace,
    sync: authSync,
    deployments: workloads.map(({ name }) => name),
  };
}

/** Held while a sync's Secret is read and written. */
export function authLock(host: Pick<Connection, "home">, namespace: string, secret: string): string {
  return `${hostPaths(host).locks}/auth-${namespace}-${secret}`;
}

/** Held by whoever deploys or retires a service on the cluster. */
export function serviceLock(host: Pick<Connection, "home">, namespace: string, service: string): string {
  return `${hostPaths(host).locks}/k3s-${namespace}-${service}`;
}

/** How Terraform's provider reaches the cluster. */
export function clusterAccessOf(site: Site): CredentialSpec {
  const cluster = readCluster(site.hosts, site.root);
  if (!cluster) throw noCluster();
  const connection = site.connections.d601;
  const { apiPort, caCertificate } = cluster;
  return { connection, apiPort, localPort: localPortOf(connection, apiPort, site.kubernetesPort), caCertificate };
}
