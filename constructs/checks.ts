import type { Construct } from "constructs";
import type { ComposeTarget } from "../lib/compose/target.ts";
import type { Pin } from "../lib/config/deploy-file.ts";
import { ApplyStep, type StepRuntime } from "./apply-step.ts";
import { artifactOf, pinFacts } from "./artifact-preflight.ts";
import type { ComposeDeployment } from "./compose-deployment.ts";

export interface CheckProps {
  readonly runtime: StepRuntime;
  readonly pin: Pin;
  readonly target: ComposeTarget;
  readonly deployment: ComposeDeployment;
  /** Everything before it is as declared. */
  readonly settled: boolean;
}

/** Asserts that the live container's image says the pinned commit. Reads only; runs again with every deployment. */
export class ImageLabelCheck extends ApplyStep<"image-label-check"> {
  constructor(scope: Construct, id: string, { runtime, pin, target, deployment, settled }: CheckProps) {
    super(scope, id, {
      runtime,
      step: "image-label-check",
      spec: { artifact: artifactOf(pin), target },
      hosts: [target.host],
      facts: pinFacts(pin),
      settled,
      after: deployment,
    });
  }
}

/** Asserts that the live service's own health says the pinned commit. Reads only; runs again with every deployment. */
export class HealthCommitCheck extends ApplyStep<"health-commit-check"> {
  constructor(scope: Construct, id: string, { runtime, pin, target, deployment, settled }: CheckProps) {
    super(scope, id, {
      runtime,
      step: "health-commit-check",
      spec: { artifact: artifactOf(pin), target },
      hosts: [target.host],
      facts: { ...pinFacts(pin), path: target.health.path },
      settled,
      after: deployment,
    });
  }
}
