import type { Consumer } from "./catalog/index.ts";
import type { Environment } from "./config/values.ts";

export const registryStack = "d601-registry";
export const planOnlyStack = "unidesk-plan-only";

/** Stack of a consumer: one per environment and host, one per supervised service, one for all that is never applied. */
export function stackName(
  service: string,
  environment: Environment,
  { runtime, supervised, planOnly }: Consumer,
): string {
  if (planOnly) return planOnlyStack;
  return supervised ? `unidesk-supervised-${service}-${environment}` : `unidesk-${environment}-${runtime.host}`;
}
