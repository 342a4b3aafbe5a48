import type { Construct } from "constructs";
import type { Pin } from "../lib/config/deploy-file.ts";
import type { HostName } from "../lib/config/hosts.ts";
import type { RegistrySource } from "../lib/steps/specs.ts";
import { ApplyStep, type StepRuntime } from "./apply-step.ts";
import { type ArtifactPreflight, artifactOf, pinFacts } from "./artifact-preflight.ts";

export interface ImageDeliveryProps {
  readonly runtime: StepRuntime;
  readonly registry: RegistrySource;
  readonly target: HostName;
  readonly pin: Pin;
  readonly preflight: ArtifactPreflight;
}

/**
 * Brings a pin's image to its target by digest and names it `<stable name>:<commit>`. Destroy removes
 * no image: a rollback needs the old one.
 */
export class ImageDelivery extends ApplyStep<"image-delivery"> {
  constructor(scope: Construct, id: string, { runtime, registry, target, pin, preflight }: ImageDeliveryProps) {
    super(scope, id, {
      runtime,
      step: "image-delivery",
      spec: { registry, target, artifact: artifactOf(pin), stableImage: pin.consumer.runtime.stableImage },
      hosts: [...new Set([registry.host, target])],
      facts: pinFacts(pin),
      dependsOn: [preflight],
    });
  }
}
