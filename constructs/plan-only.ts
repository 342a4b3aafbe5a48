import type { Construct } from "constructs";
import { type PlanOnly as Decision, placeOf } from "../lib/catalog/index.ts";
import type { Pin } from "../lib/config/deploy-file.ts";
import { ApplyStep, type StepRuntime } from "./apply-step.ts";
import { pinFacts } from "./artifact-preflight.ts";

/** A pin whose consumer is never applied. */
export interface PlannedPin {
  readonly pin: Pin;
  readonly planOnly: Decision;
}

export interface PlanOnlyRefusalProps {
  readonly runtime: StepRuntime;
  readonly pins: readonly PlannedPin[];
}

/**
 * Fails every apply before a pin is reached. A resource of its own, because Terraform keeps what failed as
 * tainted and then no longer shows what it is; the pins behind it are shown in full before and after.
 */
export class PlanOnlyRefusal extends ApplyStep<"plan-only"> {
  constructor(scope: Construct, id: string, { runtime, pins }: PlanOnlyRefusalProps) {
    super(scope, id, {
      runtime,
      step: "plan-only",
      spec: { pins: pins.map(decided) },
      hosts: [],
      facts: { applies: "never" },
    });
  }
}

export interface PlanOnlyProps extends PlannedPin {
  readonly runtime: StepRuntime;
  readonly refusal: PlanOnlyRefusal;
}

/** A pin that is planned and shown, and that no apply ever reaches. Reads and changes nothing. */
export class PlanOnly extends ApplyStep<"plan-only"> {
  constructor(scope: Construct, id: string, { runtime, pin, planOnly, refusal }: PlanOnlyProps) {
    const { environment, consumer } = pin;
    super(scope, id, {
      runtime,
      step: "plan-only",
      spec: { pins: [decided({ pin, planOnly })] },
      hosts: [],
      facts: {
        ...pinFacts(pin),
        environment,
        decision: planOnly.decision,
        reason: planOnly.reason,
        container: placeOf(consumer.runtime),
        ...(consumer.supervised
          ? {
              affectedRuntime: consumer.supervised.affectedRuntime,
              excludedTargets: consumer.supervised.excludedTargets.join(", "),
            }
          : {}),
      },
      dependsOn: [refusal],
    });
  }
}

function decided({ pin: { service, commit, environment }, planOnly }: PlannedPin) {
  return { service, commit, environment, ...planOnly };
}
