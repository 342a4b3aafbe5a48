import { UserError } from "../errors.ts";
import { noContainer } from "../verdicts/deployment.ts";
import { gateRemedy } from "../verdicts/gates.ts";
import { judgeImageLabels } from "../verdicts/image-labels.ts";
import { containerName, judgeLive } from "../verdicts/live.ts";
import { mayPassByItself, renderReasons, type Verdict, verdictOf } from "../verdicts/verdict.ts";
import { observeTarget } from "./observe-target.ts";
import { onceMore } from "./patiently.ts";
import { restAfter } from "./rest.ts";
import type { StepContext, StepSpecs } from "./specs.ts";

/** Reads the live container's image labels; changes nothing. */
export async function imageLabelCheck(spec: StepSpecs["image-label-check"], context: StepContext): Promise<void> {
  const { artifact, target } = spec;
  const where = containerName(target);
  const { container } = await onceMore(() => observeTarget(artifact, target, context));
  assertOk(
    artifact.service,
    container ? judgeImageLabels(artifact, container.imageLabels, where) : verdictOf([noContainer(where)]),
  );
  context.say(`image labels say ${artifact.commit}`);
}

/** Asks the live container for its commit until it answers well or its deadline is over; changes nothing. */
export async function healthCommitCheck(spec: StepSpecs["health-commit-check"], context: StepContext): Promise<void> {
  const { artifact, target } = spec;
  const deadline = Date.now() + target.health.deadlineSeconds * 1000;
  for (;;) {
    const began = Date.now();
    const { container } = await onceMore(() => observeTarget(artifact, target, context));
    const verdict = container
      ? judgeLive(artifact, container, target)
      : verdictOf([noContainer(containerName(target))]);
    if (!verdict.ok && mayPassByItself(verdict) && Date.now() < deadline) {
      await restAfter(began);
      continue;
    }
    assertOk(artifact.service, verdict, gateRemedy(target, verdict).remedy);
    context.say(`${target.health.path} says ${artifact.commit}`);
    return;
  }
}

function assertOk(service: string, verdict: Verdict, remedy = "deploy the pin again, or pin what should run"): void {
  if (!verdict.ok) {
    throw new UserError({
      what: renderReasons(service, verdict.reasons),
      remedy,
    });
  }
}
