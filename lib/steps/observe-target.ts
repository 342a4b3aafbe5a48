import { deployKeyPrefix } from "../catalog/index.ts";
import { type ObservedContainer, observeContainer } from "../observe/container.ts";
import type { ComposeTarget, StepContext } from "./specs.ts";

/** Looks at the container of a Compose service. */
export function observeTarget(
  service: string,
  target: ComposeTarget,
  context: StepContext,
): Promise<ObservedContainer | undefined> {
  return observeContainer(context.connection(target.host), target.container, deployKeyPrefix(service), target.health);
}
