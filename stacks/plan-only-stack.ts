import type { Construct } from "constructs";
import { PlanOnly } from "../constructs/plan-only.ts";
import { planOnlyStack } from "../lib/stack-names.ts";
import { SiteStack, type SiteStackProps } from "./site-stack.ts";

/** Every pin that is shown and never applied: its diff works, its apply always refuses. */
export class PlanOnlyStack extends SiteStack {
  constructor(scope: Construct, props: SiteStackProps) {
    super(scope, planOnlyStack, props);
    for (const pin of props.pins) {
      const { planOnly } = pin.consumer;
      const { runtime } = props;
      if (planOnly) new PlanOnly(this, `${pin.service}-${pin.environment}`, { runtime, pin, planOnly });
    }
  }
}
