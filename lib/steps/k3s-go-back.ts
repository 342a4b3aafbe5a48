import { setTimeout as sleep } from "node:timers/promises";
import { shortCommit } from "../config/values.ts";
import { InfraBlockedError } from "../errors.ts";
import type { KnownCommits } from "../kubernetes/revisions.ts";
import { undoRollout, type WentBack } from "../kubernetes/rollout.ts";
import type { ObservedK3s } from "../observe/k3s.ts";
import { judgeAnswer } from "../verdicts/health-commit.ts";
import { isOver, isRolledOut, livePods } from "../verdicts/k3s-live.ts";
import { observeK3s } from "./observe-k3s.ts";
import type { StepContext, StepSpecs } from "./specs.ts";

export interface BackEnd {
  readonly result: "restored" | "removed" | "restore-failed";
  /** The sentence for people. */
  readonly text: string;
}

/** How long the API may be silent before nobody goes back any more, in seconds. */
const apiPatienceSeconds = 60;

/** Goes back with every workload of a service, and waits until what was there before answers or nothing is left. */
export async function goBack(
  { artifact, target }: StepSpecs["k3s-rollout"],
  commits: KnownCommits,
  context: StepContext,
): Promise<BackEnd> {
  const host = context.connection(target.host);
  const went = await patiently(() => undoRollout(host, target, commits));
  const lost = went.filter(({ to }) => to === "nowhere").map(({ workload }) => workload);
  const deadline = Date.now() + target.health.deadlineSeconds * 1000;
  for (;;) {
    const observed = await patiently(() => observeK3s(artifact, target, context));
    const open = went.filter((one) => one.to !== "nowhere" && !isBack(one, observed)).map(({ workload }) => workload);
    if (open.length === 0) break;
    if (Date.now() >= deadline) {
      const text = `restore failed: ${open.join(", ")} gave no good answer in ${target.health.deadlineSeconds} s`;
      return { result: "restore-failed", text };
    }
    await sleep(500);
  }
  if (lost.length > 0) {
    return {
      result: "restore-failed",
      text: `${lost.join(", ")} left as it is: this commit was live before, and there is no earlier revision that answers`,
    };
  }
  if (went.every(({ to }) => to === "no pods")) return { result: "removed", text: "first deployment: scaled to 0" };
  const previous = [...new Set(went.flatMap(({ commit }) => (commit ? [shortCommit(commit)] : [])))].join(", ");
  return { result: "restored", text: `the previous ${previous ? `commit ${previous}` : "revision"} answers again` };
}

function isBack({ workload, to, commit }: WentBack, observed: ObservedK3s): boolean {
  const found = observed.cluster?.workloads[workload];
  if (!found?.deployment) return false;
  if (to === "no pods") return found.deployment.replicas === 0 && found.pods.every(isOver);
  const { replicas, available } = found.deployment;
  const pods = livePods(found);
  return (
    isRolledOut(found) &&
    available === replicas &&
    pods.every(({ requestedCommit, health }) => requestedCommit === (commit ?? "") && !judgeAnswer(health)) &&
    !judgeAnswer(found.health)
  );
}

/** One node: its API is away for a moment whenever k3s restarts. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  const until = Date.now() + apiPatienceSeconds * 1000;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof InfraBlockedError) || Date.now() >= until) throw error;
      await sleep(1000);
    }
  }
}
