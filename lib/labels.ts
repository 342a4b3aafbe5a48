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
