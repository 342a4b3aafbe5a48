import { shortCommit } from "../config/values.ts";
import { leastSecondsToGoBack } from "../deploy-job/job-spec.ts";
import type { KnownCommits } from "../kubernetes/revisions.ts";
import { undoRollout, type WentBack, waysBack } from "../kubernetes/rollout.ts";
import type { ObservedK3s } from "../observe/k3s.ts";
import { judgeAnswer } from "../verdicts/health-commit.ts";
import { isOver, isRolledOut, livePods } from "../verdicts/k3s-live.ts";
import { lookUntil } from "./look-until.ts";
import { observeK3s } from "./observe-k3s.ts";
import { patiently } from "./patiently.ts";
import type { StepContext, StepSpecs } from "./specs.ts";

export interface BackEnd {
  readonly result: "restored" | "removed" | "restore-failed" | "superseded";
  /** The sentence for people. */
  readonly text: string;
}

/** Goes back with these workloads of a service, and waits until what was there before answers or nothing is left. */
export async function goBack(
  { artifact, target: whole }: StepSpecs["k3s-rollout"],
  workloads: ReadonlySet<string>,
  commits: KnownCommits,
  context: StepContext,
): Promise<BackEnd> {
  const target = { ...whole, workloads: whole.workloads.filter(({ name }) => workloads.has(name)) };
  const host = context.connection(target.host);
  const ways = await patiently(() => waysBack(host, target, commits));
  const went = await patiently(() => undoRollout(host, target, artifact, ways));
  const namesOf = (way: WentBack["to"]) => went.filter(({ to }) => to === way).map(({ workload }) => workload);
  const lost = namesOf("nowhere");
  const others = namesOf("somebody else's");
  const moving = went.filter(({ to }) => to === "revision" || to === "no pods");
  const openIn = (observed: ObservedK3s) =>
    moving.filter((one) => !isBack(one, observed)).map(({ workload }) => workload);
  // A short deadline of the new commit's says little about the previous one, on a cluster that is busy with both.
  const seconds = Math.max(target.health.deadlineSeconds, leastSecondsToGoBack);
  const { seen } = await lookUntil(
    seconds,
    () => observeK3s(artifact, target, context),
    // With no pods the last one is waited for while there is time; that it does not end is not for this step to mend.
    (observed) => openIn(observed).length === 0 && !moving.some((one) => hasEnding(one, observed)),
  );
  const open = openIn(seen);
  if (open.length > 0) {
    const text = `restore failed: ${open.join(", ")} gave no good answer in ${seconds} s`;
    return { result: "restore-failed", text };
  }
  if (lost.length > 0) {
    return {
      result: "restore-failed",
      text: `${lost.join(", ")} left as it is: it was there before this run, and there is no earlier revision that answers`,
    };
  }
  if (others.length > 0) {
    const text = `${others.join(", ")} left alone: somebody else deployed another image there meanwhile`;
    return { result: "superseded", text };
  }
  if (went.every(({ to }) => to === "no pods")) return { result: "removed", text: "first deployment: scaled to 0" };
  const previous = [...new Set(went.flatMap(({ commit }) => (commit ? [shortCommit(commit)] : [])))].join(", ");
  return { result: "restored", text: `the previous ${previous ? `commit ${previous}` : "revision"} answers again` };
}

function isBack({ workload, to, commit }: WentBack, observed: ObservedK3s): boolean {
  const found = observed.cluster?.workloads[workload];
  if (!found?.deployment) return false;
  if (to === "no pods") return found.deployment.replicas === 0 && livePods(found).length === 0;
  const { replicas, available } = found.deployment;
  const pods = livePods(found);
  return (
    isRolledOut(found) &&
    available === replicas &&
    pods.every(({ requestedCommit, health }) => requestedCommit === (commit ?? "") && !judgeAnswer(health)) &&
    !judgeAnswer(found.health)
  );
}

function hasEnding({ workload, to }: WentBack, { cluster }: ObservedK3s): boolean {
  return to === "no pods" && (cluster?.workloads[workload]?.pods ?? []).some((pod) => pod.ending && !isOver(pod));
}
