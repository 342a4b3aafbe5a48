import { provenDigest, readDelivered } from "../delivery/delivered.ts";
import { nothingPulled } from "../delivery/measured.ts";
import { type Pulled, pullImage } from "../delivery/pull.ts";
import { writeDeliveryRecord } from "../delivery/record.ts";
import { withDeliveryRoute } from "../delivery/route.ts";
import { InfraBlockedError } from "../errors.ts";
import type { ObservedImage } from "../observe/compose.ts";
import type { Artifact } from "../registry/client.ts";
import { judgeImageLabels } from "../verdicts/image-labels.ts";
import { requireArtifact } from "./artifact-preflight.ts";
import type { StepContext, StepSpecs } from "./specs.ts";

type Spec = StepSpecs["image-delivery"];

/**
 * Brings an artifact to its target by digest, through a tunnel that lives as long as pulls need it. Only
 * layers that the target lacks cross the wire, and the image ends up as `<stable name>:<commit>`.
 */
export async function imageDelivery(spec: Spec, context: StepContext): Promise<void> {
  const { artifact: wanted, registry, stableImage } = spec;
  const target = context.connection(spec.target);
  const keepReference = registry.host === spec.target;
  const delivered = await readDelivered(target, wanted.service, stableImage, wanted.commit);
  try {
    await withDeliveryRoute(context.connection(registry.host), registry.port, target, async (route) => {
      const found = await route.client.artifact(wanted.repository, wanted.commit);
      const artifact = requireArtifact(wanted, found, `${registry.host} 127.0.0.1:${registry.port}`);
      const there = delivered !== undefined && isImageOf(artifact, delivered.id);
      if (there) context.say(`${stableImage}:${wanted.commit} is already on ${spec.target}`);
      if (there && !keepReference) {
        if (provenDigest(delivered) !== artifact.digest)
          await record(artifact, { imageId: delivered.id, transfer: nothingPulled });
        return;
      }
      const request = { target, wanted, artifact, stableImage, keepReference };
      const pulled = await pullImage(request, route, context.say);
      if (!there || provenDigest(delivered) !== artifact.digest) await record(artifact, pulled);
    });
  } catch (error) {
    if (!(error instanceof InfraBlockedError) || !isProven(spec, delivered)) throw error;
    context.say(`the registry is not reachable; ${stableImage}:${wanted.commit} is already on ${spec.target}`);
  }

  async function record(artifact: Artifact, { imageId, transfer }: Pulled): Promise<void> {
    await writeDeliveryRecord(target, wanted.service, wanted.commit, {
      digest: artifact.digest,
      imageId: imageId as Artifact["digest"],
      run: context.runId,
      ...transfer,
    });
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
