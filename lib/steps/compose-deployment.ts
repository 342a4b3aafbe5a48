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
import { mayPassByItself, renderReasons, type Verdict } from "../verdicts/verdict.ts";
import { observeTarget } from "./observe-target.ts";
import type { StepContext, StepSpecs } from "./specs.ts";

type Spec = StepSpecs["compose-deployment"];

/** How long a deployment waits for another one of the same Compose project, in seconds. */
const lockWaitSeconds = 300;

/** How long a container that nothing was done to may take to answer before it is recreated, in seconds. */
const graceSeconds = 10;

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
  const run = async (force: string) => {
    const output = await mustRun(host, `deploy ${artifact.service}`, composeDeployScript, [...args, force], {
      input: deployKeys(spec, image),
      timeoutSeconds: lockWaitSeconds + 120,
      onProgress: (line) => context.say(line),
    });
    return output.trim();
  };
  const seconds = target.health.deadlineSeconds;
  const unchanged = (await run("")) === "unchanged";
  context.say(unchanged ? "already deployed; verifying" : "recreated; verifying");
  let verdict = await settle(spec, image, unchanged ? Math.min(seconds, graceSeconds) : seconds, context);
  if (!verdict.ok && unchanged) {
    context.say("deployed, but not as it should be; recreating");
    await run("force");
    verdict = await settle(spec, image, seconds, context);
  }
  if (!verdict.ok) {
    throw new UserError({
      what: renderReasons(artifact.service, verdict.reasons),
      found: mayPassByItself(verdict)
        ? `${target.container} was looked at for ${seconds} s`
        : "waiting would not change that",
      remedy: `ssh to ${target.host} and read: docker logs --tail 50 ${target.container}`,
    });
  }
  context.say(`${artifact.service} is live at ${artifact.commit}`);
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

/** Looks until everything is as pinned, something is wrong for good, or the time is over. */
async function settle(spec: Spec, image: ObservedImage, seconds: number, context: StepContext): Promise<Verdict> {
  const { artifact, target } = spec;
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const { container } = await observeTarget(artifact, target, context);
    const verdict = judgeDeployment({ ...artifact, imageId: image.id }, container, target);
    if (verdict.ok || !mayPassByItself(verdict) || Date.now() >= deadline) return verdict;
    await sleep(500);
  }
}
