import type { Problem } from "../errors.ts";
import type { ObservedDeployment } from "../observe/k3s.ts";

/** Labels that a workload's pods have, and that its Deployment and Service select them by. */
export function workloadLabels(name: string): { readonly app: string } {
  return { app: name };
}

/** The selector of a live Deployment, as one text, where it is not the declared one; undefined where it is. */
export function foreignSelector(
  name: string,
  deployment: Pick<ObservedDeployment, "selector"> | undefined,
): string | undefined {
  const found = deployment?.selector.join(", ");
  return found === undefined || found === declaredSelector(name) ? undefined : found;
}

export function declaredSelector(name: string): string {
  return Object.entries(workloadLabels(name))
    .map(([key, value]) => `${key}=${value}`)
    .join(", ");
}

/**
 * Kubernetes changes no selector, so the provider would delete the Deployment first and make another one: nobody would
 * go back from that. A person has to want it.
 */
export function selectorProblem(namespace: string, name: string, found: string): Problem {
  return {
    what: `Deployment ${namespace}/${name} was left alone: it selects its pods by other labels, and a selector cannot be changed`,
    found,
    allowed: declaredSelector(name),
    remedy: `kubectl -n ${namespace} delete deployment ${name} --cascade=orphan on its host takes it away and leaves its pods running; then apply again, and delete those pods when the new ones answer; from that apply on pods without the declared labels are sent nothing, so there may be a gap until the new ones answer`,
  };
}
