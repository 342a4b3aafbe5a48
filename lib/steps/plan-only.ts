import { UserError } from "../errors.ts";
import type { StepContext, StepSpecs } from "./specs.ts";

/** Always refuses: the pin is there to be planned and reviewed. */
export async function planOnly(spec: StepSpecs["plan-only"], _context: StepContext): Promise<void> {
  const { artifact, environment, decision, reason } = spec;
  throw new UserError({
    what: `${artifact.service} in ${environment} is ${decision}: nothing was changed`,
    found: reason,
    allowed: "cdktf diff",
    remedy: "apply the other stacks; a change of this decision is a change of lib/catalog/services.ts",
  });
}
