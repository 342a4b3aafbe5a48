import type { Construct } from "constructs";
import type { Pin } from "../lib/config/deploy-file.ts";
import type { ComposeTarget } from "../lib/steps/specs.ts";
import { ApplyStep, type StepRuntime } from "./apply-step.ts";
import { artifactOf, pinFacts } from "./artifact-preflight.ts";
import type { ImageDelivery } from "./image-delivery.ts";

export interface ComposeDeploymentProps {
  readonly runtime: StepRuntime;
  readonly pin: Pin;
  readonly target: ComposeTarget;
  readonly delivery: ImageDelivery;
}

/**
 * Recreates exactly one Compose service at the pinned commit and waits until it proves that commit.
 * Destroy stops nothing.
 */
export class ComposeDeployment extends ApplyStep<"compose-deployment"> {
  constructor(scope: Construct, id: string, { runtime, pin, target, delivery }: ComposeDeploymentProps) {
    super(scope, id, {
      runtime,
      step: "compose-deployment",
      spec: { artifact: artifactOf(pin), target },
      hosts: [target.host],
      facts: { ...pinFacts(pin), container: `${target.host}/${target.container}` },
      after: delivery,
    });
  }
}
