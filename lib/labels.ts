/**
 * Labels of an artifact image. The first two are the OCI image specification's (annotations.md,
 * "Pre-Defined Annotation Keys"); the third is the project's own.
 */
export const imageLabels = {
  revision: "org.opencontainers.image.revision",
  source: "org.opencontainers.image.source",
  service: "dev.unidesk.service",
} as const;

/** Label of the registry's container: which config.yml it was started with. */
export const registryConfigLabel = "dev.unidesk.registry.config-sha256";

/** Labels of a container that was deployed: which artifact it was asked to be. Only where the target says so (D601). */
export const deployLabels = {
  service: "dev.unidesk.deploy.service",
  commit: "dev.unidesk.deploy.commit",
  requestedCommit: "dev.unidesk.deploy.requested-commit",
  digest: "dev.unidesk.deploy.digest",
} as const;

/**
 * Annotations of an auth sync. `source`, `data` and `pods` are the Secret's (the first two also the ConfigMap's); `rolled`
 * is the pod template's, where Terraform has to leave it alone.
 */
export const authAnnotations = {
  /** HMAC, by the source's key, of the fields that were read there. */
  source: "dev.unidesk.auth-source",
  /** HMAC, by the cluster host's key, of the object's own data. */
  data: "dev.unidesk.auth-data",
  /** `pending <sync>` from a change until every Deployment was told to roll, then `rolled <sync>`. */
  pods: "dev.unidesk.auth-pods",
  /** The sync that the pods were rolled for. */
  rolled: "dev.unidesk.auth-hmac",
} as const;
