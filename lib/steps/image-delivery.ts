import { provenDigest, readDelivered } from "../delivery/delivered.ts";
import { pullScript } from "../delivery/pull-script.ts";
import { writeDeliveryRecord } from "../delivery/record.ts";
import { InfraBlockedError } from "../errors.ts";
import { hostPaths } from "../host-paths.ts";
import type { ObservedImage } from "../observe/compose.ts";
import type { Artifact } from "../registry/client.ts";
import { withRegistry } from "../registry/open.ts";
import { mustRun } from "../ssh/script.ts";
import { type Endpoint, forwardTo } from "../ssh/tunnel.ts";
import { judgeImageLabels } from "../verdicts/image-labels.ts";
import { requireArtifact } from "./artifact-preflight.ts";
import type { StepContext, StepSpecs } from "./specs.ts";

type Spec = StepSpecs["image-delivery"];

/**
 * Brings an artifact to its target by digest, through a tunnel that lives as long as the pull. Only
 * layers that the target lacks cross the wire, and the image ends up as `<stable name>:<commit>`.
 */
export async function imageDelivery(spec: Spec, context: StepContext): Promise<void> {
  const { artifact: wanted, registry } = spec;
  const target = context.connection(spec.target);
  const delivered = await readDelivered(target, wanted.service, spec.stableImage, wanted.commit);
  try {
    await withRegistry(context.connection(registry.host), registry.port, async (client, endpoint) => {
      const found = await client.artifact(wanted.repository, wanted.commit);
      const artifact = requireArtifact(wanted, found, `${registry.host} 127.0.0.1:${registry.port}`);
      if (delivered && isImageOf(artifact, delivered.id)) {
        context.say(`${spec.stableImage}:${wanted.commit} is already on ${spec.target}`);
        if (provenDigest(delivered) !== artifact.digest) await record(artifact, delivered.id);
        return;
      }
      await record(artifact, await pull(spec, artifact, endpoint, context));
    });
  } catch (error) {
    if (!(error instanceof InfraBlockedError) || !isProven(spec, delivered)) throw error;
    context.say(`the registry is not reachable; ${spec.stableImage}:${wanted.commit} is already on ${spec.target}`);
  }

  async function record(artifact: Artifact, imageId: string): Promise<void> {
    await writeDeliveryRecord(target, wanted.service, wanted.commit, {
      digest: artifact.digest,
      imageId: imageId as Artifact["digest"],
    });
  }
}

async function pull(spec: Spec, artifact: Artifact, registry: Endpoint, context: StepContext): Promise<string> {
  const target = context.connection(spec.target);
  const started = Date.now();
  const tunnel = await forwardTo(target, registry);
  try {
    const reference = `127.0.0.1:${tunnel.endpoint.port}/${spec.artifact.repository}@${artifact.digest}`;
    const ids = [artifact.configDigest, artifact.manifestDigest, artifact.digest];
    const lock = `${hostPaths(target).locks}/delivery-${spec.artifact.service}`;
    const args = [lock, reference, `${spec.stableImage}:${spec.artifact.commit}`, ...ids];
    const output = await mustRun(target, `pull ${spec.artifact.repository}@${artifact.digest}`, pullScript, args, {
      timeoutSeconds: 900,
      onProgress: (line) => context.say(line),
    });
    context.say(`delivered ${artifact.digest} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
    return output.trim();
  } finally {
    await tunnel.close();
  }
}

/**
 * With the classic image store an image's id is its configuration's digest, with the containerd store
 * its manifest's or index's; each of them is a hash over the content.
 */
function isImageOf(artifact: Artifact, imageId: string): boolean {
  return [artifact.configDigest, artifact.manifestDigest, artifact.digest].some((digest) => digest === imageId);
}

/** Without the registry: the labels say the commit, and the record says the pin's digest where it has one. */
function isProven(spec: Spec, delivered: ObservedImage | undefined): boolean {
  if (!delivered || !judgeImageLabels(spec.artifact, delivered.labels, "").ok) return false;
  return spec.artifact.digest === undefined || spec.artifact.digest === provenDigest(delivered);
}
