import type { Construct } from "constructs";
import type { Pin } from "../lib/config/deploy-file.ts";
import type { K3sTarget } from "../lib/kubernetes/target.ts";
import { ApplyStep, type StepRuntime } from "./apply-step.ts";
import { artifactOf, pinFacts } from "./artifact-preflight.ts";
import type { K3sRollout } from "./k3s-rollout.ts";

export interface K3sHealthCheckProps {
  readonly runtime: StepRuntime;
  readonly pin: Pin;
  readonly target: K3sTarget;
  readonly rollout: K3sRollout;
  /** Everything before it is as declared. */
  readonly settled: boolean;
}

/**
 * Asserts through the Kubernetes API that every pod runs the delivered image, was told the pinned commit, and says so
 * itself, and that the Service does. Reads only; runs again with every rollout.
 */
export class K3sHealthCheck extends ApplyStep<"k3s-health-check"> {
  constructor(scope: Construct, id: string, { runtime, pin, target, rollout, settled }: K3sHealthCheckProps) {
    super(scope, id, {
      runtime,
      step: "k3s-health-check",
      spec: { artifact: artifactOf(pin), target },
      hosts: [target.host],
      facts: { ...pinFacts(pin), path: target.health.path },
      settled,
      after: rollout,
    });
  }
}
