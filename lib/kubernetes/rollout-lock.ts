import type { Connection } from "../config/hosts.ts";
import { withHostLock } from "../deploy-job/host-lock.ts";
import type { Interruption } from "../steps/interruption.ts";
import type { StepContext } from "../steps/specs.ts";
import { serviceLock } from "./target.ts";

/**
 * Runs `work` while no other runner rolls out the same service of a namespace; says who is waited for. A signal ends the
 * waiting, and is `work`'s own affair from then on: the lock stays until it has put things in order. What `work` is given
 * aborts where the lock ends before it.
 */
export async function withRolloutLock<T>(
  host: Connection,
  namespace: string,
  { service, commit }: { readonly service: string; readonly commit: string },
  context: Pick<StepContext, "runId" | "operator" | "say">,
  interruption: Pick<Interruption, "during">,
  work: (lost: AbortSignal) => Promise<T>,
): Promise<T> {
  const path = serviceLock(host, namespace, service);
  const lock = { path, holder: [service, commit], what: "another rollout" } as const;
  return withHostLock(host, lock, context, interruption, work);
}
