import type { Connection } from "./config/hosts.ts";

/** Every path that the project writes on a host, in one place. */
export interface HostPaths {
  /** Folder that all others lie in. */
  readonly base: string;
  readonly registry: {
    readonly folder: string;
    readonly config: string;
    readonly compose: string;
    /** Never deleted, by nothing in this project. */
    readonly storage: string;
    readonly unit: string;
  };
  /** Artifact summaries, one folder a service, one file a commit. */
  readonly artifacts: string;
  /** What a delivery put on this host: digest and image id, one file a service and commit. */
  readonly deliveries: string;
  /** Lock files; each is held with flock(2) for as long as its holder lives. */
  readonly locks: string;
  /** Deploy jobs, one folder a Compose project and service; a file `pending` in it is an unfinished deployment. */
  readonly deployJobs: string;
  /** One file a service with one JSON line a deployment. */
  readonly history: string;
  /** Prunes of the registry, one folder a run. */
  readonly prunes: string;
}

export function hostPaths(host: Pick<Connection, "home">, registryName = "unidesk-artifact-registry"): HostPaths {
  const base = `${host.home}/.unidesk`;
  return {
    base,
    registry: {
      folder: `${base}/artifact-registry`,
      config: `${base}/artifact-registry/config.yml`,
      compose: `${base}/artifact-registry/compose.yml`,
      storage: `${base}/registry-storage`,
      unit: `/etc/systemd/system/${registryName}.service`,
    },
    artifacts: `${base}/artifacts`,
    deliveries: `${base}/deliveries`,
    locks: `${base}/locks`,
    deployJobs: `${base}/deploy-jobs`,
    history: `${base}/deploy-history`,
    prunes: `${base}/registry-prunes`,
  };
}
