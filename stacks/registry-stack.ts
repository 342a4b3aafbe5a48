import type { Construct } from "constructs";
import { ArtifactRegistry } from "../constructs/artifact-registry.ts";
import { SiteStack, type SiteStackProps } from "./site-stack.ts";

/** The registry on D601's loopback. */
export class RegistryStack extends SiteStack {
  constructor(scope: Construct, props: SiteStackProps) {
    super(scope, "d601-registry", props);
    new ArtifactRegistry(this, "registry", {
      runtime: props.runtime,
      repairs: this.repairs,
      host: props.site.connections.d601,
      settings: props.site.registry,
    });
  }
}
