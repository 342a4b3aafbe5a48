import pRetry from "p-retry";
import { DeployJob, type JobEnd, JobRefusedError } from "../deploy-job/deploy-job.ts";
import { confirmSlackSeconds } from "../deploy-job/job-spec.ts";
import { InfraBlockedError, messageOf, type Problem, UserError } from "../errors.ts";
import type { ObservedImage, ObservedService } from "../observe/compose.ts";
import { judgeDeployment } from "../verdicts/deployment.ts";
import { gateRemedy } from "../verdicts/gates.ts";
import { judgeImageLabels } from "../verdicts/image-labels.ts";
import { describeSecrets, judgeSecrets } from "../verdicts/secrets.ts";
import { mayPassByItself, renderReasons, type Verdict } from "../verdicts/verdict.ts";
import { Interruption } from "./interruption.ts";
import { observeTarget } from "./observe-target.ts";
import { onceMore } from "./patiently.ts";
import { restAfter } from "./rest.ts";
import type { StepContext, StepSpecs } from "./specs.ts";

type Spec = StepSpecs["compose-deployment"];

/** How long a container that nothing was done to may take to answer before it is recreated, in seconds. */
const graceSeconds = 10;

/** How long one of several looks may take, in seconds: one that hangs leaves time for another one. */
const settleLookSeconds = 30;

/**
 * Recreates exactly one Compose service with the delivered image and this deployment's keys, by a job on the
 * host, and confirms it when the container proves the commit. A job that is not confirmed puts back what ran
 * before. Where the host already agrees, nothing is touched.
 */
export async function composeDeployment(spec: Spec, context: StepContext): Promise<void> {
  const seen = await onceMore(() => observeTarget(spec.artifact, spec.target, context));
  const image = judgeBefore(spec, seen);
  const interruption = new Interruption();
  try {
    if (!(await deploy(spec, image, false, interruption, context))) {
      context.say("deployed, but not as it should be; recreating");
      await deploy(spec, image, true, interruption, context);
    }
  } finally {
    interruption.dispose();
  }
  context.say(`${spec.artifact.service} is live at ${spec.artifact.commit}`);
}

/** Everything that has to be right before a container is touched. */
function judgeBefore({ artifact, target }: Spec, seen: ObservedService): ObservedImage {
  const image = seen.images[artifact.commit];
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
  const secrets = judgeSecrets(target, seen.secrets);
  if (!secrets.ok) {
    throw new UserError({
      what: `nothing was changed, because secrets are missing\n${renderReasons(artifact.service, secrets.reasons)}`,
      found: describeSecrets(target, seen.secrets).join("; "),
      remedy: `restore the missing keys in the controlled env file of ${target.host}, then apply again`,
    });
  }
  return image;
}

/** Whether the container is as wanted now. One that was there before and is not gives false, a new one throws. */
async function deploy(
  spec: Spec,
  image: ObservedImage,
  force: boolean,
  interruption: Interruption,
  context: StepContext,
): Promise<boolean> {
  const { artifact, target } = spec;
  const job = new DeployJob(context.connection(target.host), { spec, image, force }, context);
  const seconds = target.health.deadlineSeconds;
  let problem: Problem;
  try {
    const state = await interruption.during(job.start());
    if (typeof state === "object") {
      const what = `${artifact.service}: it was not brought up on ${target.host}`;
      // One that said nothing more may go on by itself.
      const end = state.result === "unknown" ? await abort(job, { what }, context) : state;
      throw failure(spec, { what }, end);
    }
    context.say(state === "unchanged" ? "already deployed; verifying" : "recreated; verifying");
    const bound = state === "unchanged" ? Math.min(seconds, graceSeconds) : seconds;
    const verdict = await interruption.during(settle(spec, image, bound, interruption, context));
    if (state === "unchanged") return verdict.ok;
    if (verdict.ok) {
      const end = await interruption.during(confirm(job));
      if (end.result === "deployed") return true;
      if (end.result === "unrecorded") throw unrecorded(spec);
      throw failure(spec, { what: `${artifact.service}: verified, but the job on the host had ended before` }, end);
    }
    problem = {
      what: renderReasons(artifact.service, verdict.reasons),
      found: mayPassByItself(verdict)
        ? `${target.container} was looked at for ${seconds} s`
        : "waiting would not change that",
      ...gateRemedy(target, verdict),
    };
  } catch (error) {
    if (error instanceof DecidedError || error instanceof JobRefusedError) throw error;
    const [what = "", ...rest] = messageOf(error).split("\n");
    problem = error instanceof UserError ? error.problem : { what, found: rest.join("\n") };
    throw failure(spec, problem, await abort(job, problem, context), error);
  }
  throw failure(spec, problem, await abort(job, problem, context));
}

/** Again where the connection breaks: the first decision that reaches the host wins, so that no more can come of it. */
function confirm(job: DeployJob): Promise<JobEnd> {
  return pRetry(() => job.decide("confirm"), { retries: 3, minTimeout: 500, shouldRetry: isUserError });
}

const isUserError = ({ error }: { readonly error: Error }) => error instanceof UserError;

/** What is live and right stays, noted or not. */
function unrecorded({ artifact, target }: Spec): DecidedError {
  return new DecidedError({
    what: `${artifact.service} is live at ${artifact.commit} and was verified, but that could not be written down; nothing was undone`,
    remedy: `on ${target.host}: look at the disk and at ~/.unidesk/deploy-history; then apply again, which writes it`,
  });
}

/** Asks for the previous container back. That the host cannot be asked is a fact to report, not another failure. */
async function abort(job: DeployJob, problem: Problem, context: StepContext): Promise<JobEnd> {
  context.say("undoing this deployment");
  try {
    return await job.decide("abort", problem.what);
  } catch (error) {
    const [what] = messageOf(error).split("\n");
    return {
      result: "unknown",
      text: `what became of it is not known (${what}); unconfirmed, the host puts the previous container back by itself, unless its disk is full`,
    };
  }
}

/** A failure after which nothing is left to be undone. */
class DecidedError extends UserError {}

/** Both facts: why the new container failed, and what happened after. */
function failure({ target }: Spec, problem: Problem, end: JobEnd, cause?: unknown): Error {
  const read = `ssh to ${target.host} and read: docker logs --tail 50 ${target.container} (of a container that was taken away the last lines are above)`;
  const both: Problem = {
    ...problem,
    what: `${problem.what}\n${end.text}`,
    remedy: problem.remedy ? (end.result === "refused" ? problem.remedy : `${problem.remedy}; or ${read}`) : read,
  };
  return cause instanceof InfraBlockedError
    ? new InfraBlockedError(both, cause.missingChannels)
    : new DecidedError(both);
}

/** Looks until everything is as pinned, something is wrong for good, or the time is over. */
async function settle(
  spec: Spec,
  image: ObservedImage,
  seconds: number,
  interruption: Interruption,
  context: StepContext,
): Promise<Verdict> {
  const { artifact, target } = spec;
  // Not by a clock that somebody may set.
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const began = Date.now();
    const isOver = () => performance.now() >= deadline || interruption.came;
    // What is seen after the job has decided comes too late.
    const left = (deadline - performance.now()) / 1000 + confirmSlackSeconds - 2;
    try {
      const { container } = await observeTarget(artifact, target, context, Math.min(settleLookSeconds, left));
      const verdict = judgeDeployment({ ...artifact, imageId: image.id }, container, target);
      if (verdict.ok || !mayPassByItself(verdict) || isOver()) return verdict;
    } catch (error) {
      // A host that is slow to answer, or a connection that breaks, says nothing about the container.
      if (!(error instanceof UserError) || isOver()) throw error;
      context.say(`looking again: ${messageOf(error).split("\n")[0]}`);
    }
    await restAfter(began);
  }
}
