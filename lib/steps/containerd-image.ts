import { nothingPulled } from "../delivery/measured.ts";
import { InfraBlockedError } from "../errors.ts";
import { isProvenInContainerd, readContainerdImage, writeContainerdRecord } from "../kubernetes/containerd.ts";
import { pullIntoContainerd } from "../kubernetes/containerd-pull.ts";
import { withRegistry } from "../registry/open.ts";
import { requireArtifact } from "./artifact-preflight.ts";
import type { StepContext, StepSpecs } from "./specs.ts";

/**
 * Brings an artifact into the containerd of the registry's own host by digest, under the commit's name. Only layers
 * that containerd lacks are fetched; what is there and right is left alone.
 */
export async function containerdImage(spec: StepSpecs["containerd-image"], context: StepContext): Promise<void> {
  const { artifact: wanted, registry } = spec;
  const { service, repository, commit } = wanted;
  const host = context.connection(spec.target);
  const delivered = await readContainerdImage(host, registry.port, service, commit);
  try {
    await withRegistry(context.connection(registry.host), registry.port, async (client) => {
      const found = await client.artifact(repository, commit);
      const artifact = requireArtifact(wanted, found, `${registry.host} 127.0.0.1:${registry.port}`);
      const { transfer } = await pullIntoContainerd(host, registry.port, wanted, artifact, client, context.say);
      const { digest, configDigest: imageId } = artifact;
      // Somebody else may have brought it meanwhile, such as the same service's other environment: theirs is the record.
      const record = transfer ? undefined : (await readContainerdImage(host, registry.port, service, commit))?.record;
      if (record?.digest === digest && record.imageId === imageId) return;
      const cost = transfer ?? nothingPulled;
      await writeContainerdRecord(host, service, commit, { digest, imageId, run: context.runId, ...cost });
    });
  } catch (error) {
    if (!(error instanceof InfraBlockedError) || !isProvenInContainerd(wanted, delivered)) throw error;
    context.say(`the registry is not reachable; ${repository}:${commit} is already in containerd on ${spec.target}`);
  }
}
