import type { Construct } from "constructs";
import type { ComposeTarget } from "../lib/compose/target.ts";
import type { Pin } from "../lib/config/deploy-file.ts";
import { ApplyStep, type Mended, type StepRuntime } from "./apply-step.ts";
import { artifactOf, pinFacts } from "./artifact-preflight.ts";
import type { ImageDelivery } from "./image-delivery.ts";

export interface ComposeDeploymentProps extends Mended {
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
  constructor(scope: Construct, id: string, props: ComposeDeploymentProps) {
    const { pin, target } = props;
    super(scope, id, {
      runtime: props.runtime,
      step: "compose-deployment",
      spec: { artifact: artifactOf(pin), target },
      hosts: [target.host],
      facts: deploymentFacts(pin, target),
      repair: props.repair,
      receipt: props.receipt,
      after: props.delivery,
    });
  }
}

export function deploymentFacts(pin: Pin, target: ComposeTarget): Record<string, string> {
  return { ...pinFacts(pin), container: `${target.host}/${target.container}` };
}
