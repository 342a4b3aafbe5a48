import type { Construct } from "constructs";
import type { K3sRuntime } from "../lib/catalog/index.ts";
import type { Pin } from "../lib/config/deploy-file.ts";
import type { RegistrySource } from "../lib/steps/specs.ts";
import { ApplyStep, type Mended, type StepRuntime } from "./apply-step.ts";
import { type ArtifactPreflight, artifactOf, pinFacts } from "./artifact-preflight.ts";

export interface ContainerdImageProps extends Mended {
  readonly runtime: StepRuntime;
  readonly registry: RegistrySource;
  readonly pin: Pin<K3sRuntime>;
  readonly preflight: ArtifactPreflight;
}

/**
 * Brings a pin's image into k3s's containerd by digest and names it by the commit tag that the Deployment says.
 * Destroy removes no image: a rollback needs the old one.
 */
export class ContainerdImage extends ApplyStep<"containerd-image"> {
  constructor(scope: Construct, id: string, props: ContainerdImageProps) {
    const { registry, pin } = props;
    const { host } = pin.consumer.runtime;
    super(scope, id, {
      runtime: props.runtime,
      step: "containerd-image",
      spec: { registry, target: host, artifact: artifactOf(pin) },
      hosts: [...new Set([registry.host, host])],
      facts: pinFacts(pin),
      repair: props.repair,
      receipt: props.receipt,
      dependsOn: [props.preflight],
    });
  }
}
