/**
 * Labels of an artifact image. The first two are the OCI image specification's (annotations.md,
 * "Pre-Defined Annotation Keys"); the third is the project's own.
 */
export const imageLabels = {
  revision: "org.opencontainers.image.revision",
  source: "org.opencontainers.image.source",
  service: "dev.unidesk.service",
} as const;

/**
 * Further labels of an artifact image, for people and scanners; no check asks for them. An image inherits its base's
 * labels, so that the specification's keys are set even where they say little: else they would speak of the base.
 * `created` is the commit's time, not the build's, so that they follow from the commit alone.
 */
export const provenanceLabels = {
  created: "org.opencontainers.image.created",
  title: "org.opencontainers.image.title",
  version: "org.opencontainers.image.version",
  dockerfile: "dev.unidesk.dockerfile",
} as const;

/** Label of the registry's container: which config.yml it was started with. */
export const registryConfigLabel = "dev.unidesk.registry.config-sha256";

/** Label of the registry's container while it takes no pushes: why that is. */
export const registryReadOnlyLabel = "dev.unidesk.registry.read-only";

/** Labels of a container that was deployed: which artifact it was asked to be. Only where the target says so (D601). */
export const deployLabels = {
  service: "dev.unidesk.deploy.service",
  commit: "dev.unidesk.deploy.commit",
  requestedCommit: "dev.unidesk.deploy.requested-commit",
  digest: "dev.unidesk.deploy.digest",
} as const;

/**
 * Annotation of a pod template: when a rollout made new pods of the same revision. Not kubectl's own, which Terraform's
 * provider does not see and takes away with any other change, so that every pod is replaced once more.
 */
export const restartedAnnotation = "dev.unidesk.restarted";

/**
 * Annotations of an auth sync. `source`, `data` and `pods` are the Secret's (the first two also the ConfigMap's); `rolled`
 * is the pod template's, where Terraform has to leave it alone.
 */
export const authAnnotations = {
  /** HMAC, by the source's key, of the fields that were read there. */
  source: "dev.unidesk.auth-source",
  /** HMAC, by the cluster host's key, of the object's own data. */
  data: "dev.unidesk.auth-data",
  /**
   * `pending <sync>` from a change until pods that started after it were verified, then `rolled <sync>`; the templates say
   * the same sync. It is `none` where no pod was there before the data, and then no template says one.
   */
  pods: "dev.unidesk.auth-pods",
  /** The sync that the pods were rolled for. */
  rolled: "dev.unidesk.auth-hmac",
} as const;
