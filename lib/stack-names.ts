import { type Consumer, catalog, isConsumer } from "./catalog/index.ts";
import type { HostName } from "./config/hosts.ts";
import { type Environment, environments } from "./config/values.ts";

export const registryHost = "d601" satisfies HostName;
export const registryStack = `${registryHost}-registry`;
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

/** The host that a stack changes; undefined of one that is never applied, and of a name that no stack has. */
export function hostOfStack(name: string): HostName | undefined {
  if (name === registryStack) return registryHost;
  if (name === planOnlyStack) return undefined;
  for (const { service, consumers } of catalog()) {
    for (const environment of environments) {
      const consumer = consumers[environment];
      if (isConsumer(consumer) && stackName(service, environment, consumer) === name) return consumer.runtime.host;
    }
  }
  return undefined;
}
