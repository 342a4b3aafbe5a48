import type { Consumer, Unsupported } from "../catalog/index.ts";
import type { DeployPlanRecord } from "./schema.ts";

export type Decision = Pick<DeployPlanRecord, "decision" | "reason">;

export function consumerOf(consumer: Consumer | Unsupported): Consumer | undefined {
  return "runtime" in consumer ? consumer : undefined;
}

export function decide(consumer: Consumer | Unsupported): Decision {
  if (!("runtime" in consumer)) return { decision: consumer.decision, reason: consumer.reason };
  const { planOnly, supervised } = consumer;
  if (planOnly) return { decision: planOnly.decision, reason: planOnly.reason };
  if (!supervised) return { decision: "deployable", reason: null };
  return { decision: "supervised", reason: `an apply needs a person's approval of exactly this commit` };
}

/** What keeps a task of Code Queue from replacing what runs it. */
export const bootstrapGuard =
  "refused inside a Code Queue task, whatever was signed: a task must not replace what runs it; a person applies it from a shell or a CI job that no task started";
