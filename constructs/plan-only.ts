import type { Construct } from "constructs";
import type { PlanOnly as Decision } from "../lib/catalog/index.ts";
import type { Pin } from "../lib/config/deploy-file.ts";
import { ApplyStep, type StepRuntime } from "./apply-step.ts";
import { pinFacts } from "./artifact-preflight.ts";

export interface PlanOnlyProps {
  readonly runtime: StepRuntime;
  readonly pin: Pin;
  readonly planOnly: Decision;
}

/** A pin that is planned and shown, and whose apply always refuses. Reads and changes nothing. */
export class PlanOnly extends ApplyStep<"plan-only"> {
  constructor(scope: Construct, id: string, { runtime, pin, planOnly }: PlanOnlyProps) {
    const { service, environment, commit, consumer } = pin;
    super(scope, id, {
      runtime,
      step: "plan-only",
      spec: { artifact: { service, commit }, environment, ...planOnly },
      hosts: [],
      facts: {
        ...pinFacts(pin),
        environment,
        decision: planOnly.decision,
        reason: planOnly.reason,
        container: `${consumer.runtime.host}/${consumer.runtime.container}`,
        ...(consumer.supervised
          ? {
              affectedRuntime: consumer.supervised.affectedRuntime,
              excludedTargets: consumer.supervised.excludedTargets.join(", "),
            }
          : {}),
      },
    });
  }
}
