import { setTimeout as sleep } from "node:timers/promises";
import { deployKeyPrefix } from "../catalog/index.ts";
import { composeDeployScript } from "../compose/deploy-script.ts";
import { fingerprintPath } from "../compose/resolved.ts";
import { imageRepository } from "../config/ci-file.ts";
import { provenDigest } from "../delivery/delivered.ts";
import { UserError } from "../errors.ts";
import { hostPaths } from "../host-paths.ts";
import type { ObservedImage } from "../observe/compose.ts";
import { mustRun } from "../ssh/script.ts";
import { judgeDeployment } from "../verdicts/deployment.ts";
import { judgeImageLabels } from "../verdicts/image-labels.ts";
import { mayPassByItself, renderReasons } from "../verdicts/verdict.ts";
import { observeTarget } from "./observe-target.ts";
import type { StepContext, StepSpecs } from "./specs.ts";

type Spec = StepSpecs["compose-deployment"];

/** How long a deployment waits for another one of the same Compose project, in seconds. */
const lockWaitSeconds = 300;

/**
 * Recreates exactly one Compose service with the delivered image and this deployment's keys, then
 * waits until the container proves the commit. Where the host already agrees, nothing is touched.
 */
export async function composeDeployment(spec: Spec, context: StepContext): Promise<void> {
  const { artifact, target } = spec;
  const host = context.connection(target.host);
  const { images } = await observeTarget(artifact, target, context);
  const image = images[artifact.commit];
  if (!image) {
    throw new UserError({
      what: `${artifact.service}: ${target.host} has no image ${target.stableImage}:${artifact.commit}`,
      remedy: "apply the whole stack: its delivery brings the image",
    });
  }
  const labels = judgeImageLabels(
    artifact,
    image.labels,
    `${target.host} image ${target.stableImage}:${artifact.commit}`,
  );
  if (!labels.ok) {
    throw new UserError({
      what: `nothing was changed, because the delivered image is another one\n${renderReasons(artifact.service, labels.reasons)}`,
      remedy: "apply the whole stack: its delivery brings the right image",
    });
  }
  const args = [
    `${hostPaths(host).locks}/compose-${target.project}`,
    String(lockWaitSeconds),
    target.project,
    target.root,
    target.file,
    "path" in target.envFile ? target.envFile.path : "",
    "path" in target.envFile ? "" : target.envFile.configJson,
    target.composeService,
    target.container,
    target.stableImage,
    artifact.commit,
    image.id,
    deployKeyPrefix(artifact.service),
    fingerprintPath(host.home, target.project, target.composeService),
  ];
  const outcome = await mustRun(host, `deploy ${artifact.service}`, composeDeployScript, args, {
    input: deployKeys(spec, image),
    timeoutSeconds: lockWaitSeconds + 120,
    onProgress: (line) => context.say(line),
  });
  context.say(outcome.trim() === "unchanged" ? "already deployed; verifying" : "recreated; verifying");
  await verify(spec, image, context);
}

/** The keys that a deployment owns in the controlled env file. */
function deployKeys({ artifact }: Spec, image: ObservedImage): string {
  const prefix = deployKeyPrefix(artifact.service);
  const values = {
    COMMIT: artifact.commit,
    REQUESTED_COMMIT: artifact.commit,
    DIGEST: provenDigest(image) ?? artifact.digest ?? "",
    IMAGE: `${imageRepository(artifact.service)}:${artifact.commit}`,
  };
  return Object.entries(values)
    .map(([key, value]) => `${prefix}${key}=${value}\n`)
    .join("");
}

/** Looks until everything is as pinned or the service's deadline is over; says what was last seen. */
async function verify(spec: Spec, image: ObservedImage, context: StepContext): Promise<void> {
  const { artifact, target } = spec;
  const seconds = target.health.deadlineSeconds;
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const { container } = await observeTarget(artifact, target, context);
    const where = `${target.host} container ${target.container}`;
    const verdict = judgeDeployment({ ...artifact, imageId: image.id }, container, where);
    if (verdict.ok) {
      context.say(`${artifact.service} is live at ${artifact.commit}`);
      return;
    }
    const definite = !mayPassByItself(verdict);
    if (definite || Date.now() >= deadline) {
      throw new UserError({
        what: renderReasons(artifact.service, verdict.reasons),
        found: definite ? "waiting would not change that" : `${target.container} was looked at for ${seconds} s`,
        remedy: `ssh to ${target.host} and read: docker logs --tail 50 ${target.container}`,
      });
    }
    await sleep(500);
  }
}
