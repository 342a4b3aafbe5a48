import { NullProvider } from "@cdktf/provider-null/lib/provider/index.js";
import { TerraformStack } from "cdktf";
import type { Construct } from "constructs";
import type { StepRuntime } from "../constructs/apply-step.ts";
import type { Pin } from "../lib/config/deploy-file.ts";
import type { Site } from "../lib/config/site.ts";
import type { SiteFacts } from "../lib/observe/site.ts";
import { Repairs } from "../lib/repairs.ts";
import { StateBackend } from "./state-backend.ts";

export interface SiteStackProps {
  readonly site: Site;
  readonly pins: readonly Pin[];
  readonly runtime: StepRuntime;
  /** What the hosts were seen to hold. */
  readonly observed: SiteFacts;
}

/**
 * A stack with the site's state backend. The target's name is part of every state path, so that the
 * state of a lab and of production never mix.
 */
export class SiteStack extends TerraformStack {
  protected readonly repairs: Repairs;

  constructor(scope: Construct, id: string, props: SiteStackProps) {
    super(scope, id);
    new NullProvider(this, "null");
    // The bindings pin one version exactly; any 3.x from there on serves this schema.
    this.addOverride("terraform.required_providers.null.version", ">= 2.1.2, < 4.0.0");
    this.addOverride("terraform.required_version", ">= 1.10.0");
    new StateBackend(this, props.site);
    this.repairs = new Repairs(props.site, id, props.observed);
  }
}
