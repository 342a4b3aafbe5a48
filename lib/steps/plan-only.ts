import { UserError } from "../errors.ts";
import type { StepContext, StepSpecs } from "./specs.ts";

/** Always refuses: the pins are there to be planned and reviewed. */
export async function planOnly({ pins }: StepSpecs["plan-only"], _context: StepContext): Promise<void> {
  const decisions = pins.map(
    ({ service, environment, decision, reason }) => `${service} in ${environment} is ${decision}: ${reason}`,
  );
  throw new UserError({
    what: ["nothing was changed: what is planned here is never applied", ...decisions].join("\n"),
    allowed: "cdktf diff",
    remedy: "apply the other stacks; a change of a decision is a change of lib/catalog/services.ts",
  });
}
