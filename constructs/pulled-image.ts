import { Image } from "@cdktf/provider-docker/lib/image/index.js";
import { Construct } from "constructs";
import type { Pin } from "../lib/config/deploy-file.ts";
import { pinnedReference } from "../lib/delivery/reference.ts";
import { type ArtifactPreflight, artifactOf } from "./artifact-preflight.ts";
import type { HostDocker } from "./host-docker.ts";

export interface PulledImageProps {
  /** Docker of the registry's own host. */
  readonly docker: HostDocker;
  /** Port of the registry on that host's loopback. */
  readonly registryPort: number;
  readonly pin: Pin;
  readonly preflight: ArtifactPreflight;
}

/**
 * A pin's image on the registry's own host: a docker_image, pulled from loopback under the registry's
 * name. A new pin pulls the new image; neither that nor destroy removes one: a rollback needs the old.
 * The id is the Terraform address and a contract.
 */
export class PulledImage extends Construct {
  readonly resource: Image;

  constructor(scope: Construct, id: string, props: PulledImageProps) {
    super(scope, id);
    this.resource = new Image(this, "Resource", {
      name: pinnedReference(props.registryPort, artifactOf(props.pin)),
      keepLocally: true,
      provider: props.docker.provider,
      dependsOn: [props.preflight.resource],
      lifecycle: { createBeforeDestroy: true },
      timeouts: { create: "15m" },
    });
    this.resource.overrideLogicalId(id);
  }
}
