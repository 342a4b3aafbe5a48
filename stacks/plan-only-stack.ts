import type { Construct } from "constructs";
import { PlanOnly, PlanOnlyRefusal } from "../constructs/plan-only.ts";
import { planOnlyStack } from "../lib/stack-names.ts";
import { SiteStack, type SiteStackProps } from "./site-stack.ts";

/** Every pin that is shown and never applied: its diff works, its apply always refuses. */
export class PlanOnlyStack extends SiteStack {
  constructor(scope: Construct, props: SiteStackProps) {
    super(scope, planOnlyStack, props);
    const { runtime } = props;
    const pins = props.pins.flatMap((pin) => {
      const { planOnly } = pin.consumer;
      return planOnly ? [{ pin, planOnly }] : [];
    });
    if (pins.length === 0) return;
    const refusal = new PlanOnlyRefusal(this, "refusal", { runtime, pins });
    for (const { pin, planOnly } of pins) {
      new PlanOnly(this, `${pin.service}-${pin.environment}`, { runtime, pin, planOnly, refusal });
    }
  }
}
