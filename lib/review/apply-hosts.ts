import type { HostName } from "../config/hosts.ts";
import { hostOfStack, registryHost } from "../stack-names.ts";
import type { ReviewReport } from "./report.ts";

/**
 * Hosts that an apply of these stacks holds, so that one which is down stops its own stacks only. The registry's host is
 * among them unless the review says that nothing is pulled from there.
 *
 * @param stacks Names; none stands for all that were reviewed.
 * @param report What this machine knows of the review. Default: nothing, so that every stack may pull.
 */
export function hostsToHold(
  stacks: readonly string[],
  all: readonly HostName[],
  report?: Pick<ReviewReport, "stacks" | "services">,
): HostName[] {
  const names = stacks.length > 0 ? stacks : report?.stacks.map(({ name }) => name);
  if (!names) return [...all].sort();
  const hosts = new Set(names.flatMap((name) => hostOfStack(name) ?? []));
  const pulls = report
    ? report.services.some(({ stack, transfer }) => names.includes(stack) && transfer.missingLayers !== 0)
    : hosts.size > 0;
  if (pulls) hosts.add(registryHost);
  // In one order everywhere, so that two applies never hold one host each and wait for the other.
  return [...hosts].sort();
}
