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
