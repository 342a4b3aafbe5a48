import type { Construct } from "constructs";
import type { ComposeRuntime } from "../lib/catalog/index.ts";
import type { Pin } from "../lib/config/deploy-file.ts";
import type { HostName } from "../lib/config/hosts.ts";
import type { RegistrySource } from "../lib/steps/specs.ts";
import { ApplyStep, type Mended, type StepRuntime } from "./apply-step.ts";
import { type ArtifactPreflight, artifactOf, pinFacts } from "./artifact-preflight.ts";
import type { PulledImage } from "./pulled-image.ts";

export interface ImageDeliveryProps extends Mended {
  readonly runtime: StepRuntime;
  readonly registry: RegistrySource;
  readonly target: HostName;
  readonly pin: Pin<ComposeRuntime>;
  readonly preflight: ArtifactPreflight;
  /** What pulls the image where the target is the registry's own host. @default - the delivery pulls it itself */
  readonly after?: PulledImage;
}

/**
 * Brings a pin's image to its target by digest and names it `<stable name>:<commit>`. Destroy removes
 * no image: a rollback needs the old one. An image that Terraform pulled anew does not run it again.
 */
export class ImageDelivery extends ApplyStep<"image-delivery"> {
  constructor(scope: Construct, id: string, props: ImageDeliveryProps) {
    const { registry, target, pin, after } = props;
    super(scope, id, {
      runtime: props.runtime,
      step: "image-delivery",
      spec: { registry, target, artifact: artifactOf(pin), stableImage: pin.consumer.runtime.stableImage },
      hosts: [...new Set([registry.host, target])],
      facts: pinFacts(pin),
      repair: props.repair,
      receipt: props.receipt,
      dependsOn: [props.preflight, ...(after ? [after] : [])],
    });
  }
}
