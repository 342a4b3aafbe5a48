import { InfraBlockedError, messageOf, type Problem, UserError } from "../errors.ts";
import { describePods, describeWorkloads } from "../kubernetes/describe.ts";
import type { ObservedK3s } from "../observe/k3s.ts";
import { judgeWorkload, livePods } from "../verdicts/k3s-live.ts";
import type { StepContext, StepSpecs } from "./specs.ts";

/** Says why pods are not right or not there, in Kubernetes' words; that they cannot be read is no other failure. */
export async function describeIll(
  { artifact, target }: StepSpecs["k3s-rollout"],
  ill: readonly string[],
  observed: ObservedK3s | undefined,
  context: StepContext,
): Promise<void> {
  const workloads = observed?.cluster?.workloads;
  if (!observed || !workloads) return;
  const host = context.connection(target.host);
  const pods = ill.flatMap((name) => {
    const reasons = judgeWorkload(artifact, name, target, observed).reasons.map(({ where }) => where);
    const found = workloads[name];
    const newest = found ? livePods(found).filter(({ requestedCommit }) => requestedCommit === artifact.commit) : [];
    return newest.map((pod) => pod.name).filter((pod) => reasons.some((where) => where.endsWith(` pod ${pod}`)));
  });
  const fewer = ill.filter((name) => {
    const { replicas = 0, updated = 0 } = workloads[name]?.deployment ?? {};
    return updated < replicas;
  });
  for (const describe of [() => describeWorkloads(host, target, fewer), () => describePods(host, target, pods)]) {
    for (const line of await describe().catch((error) => [messageOf(error)])) context.say(line);
  }
}

/** Both facts: why the rollout failed, and what happened after. */
export function failure(problem: Problem, after: string, cause: unknown): Error {
  const both: Problem = {
    ...problem,
    what: `${problem.what}\n${after}`,
    remedy:
      problem.remedy ?? "read the pods' events and last lines above; correct the pin or the service, then apply again",
  };
  return cause instanceof InfraBlockedError ? new InfraBlockedError(both, cause.missingChannels) : new UserError(both);
}
