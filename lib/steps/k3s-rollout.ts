import { setTimeout as sleep } from "node:timers/promises";
import { shortCommit } from "../config/values.ts";
import { newJobId } from "../deploy-job/job-spec.ts";
import { InfraBlockedError, messageOf, type Problem, UserError } from "../errors.ts";
import { describePods, restartWorkloads } from "../kubernetes/rollout.ts";
import { appendRollout, type PastRollouts, pastRollouts, type RolloutEnd } from "../kubernetes/rollout-history.ts";
import { withRolloutLock } from "../kubernetes/rollout-lock.ts";
import type { ObservedK3s } from "../observe/k3s.ts";
import { isRolledOut, judgeK3s, judgeWorkload, livePods, mayStillCome } from "../verdicts/k3s-live.ts";
import { renderReasons, type Verdict } from "../verdicts/verdict.ts";
import { Interruption } from "./interruption.ts";
import { goBack } from "./k3s-go-back.ts";
import { observeK3s } from "./observe-k3s.ts";
import type { StepContext, StepSpecs } from "./specs.ts";

type Spec = StepSpecs["k3s-rollout"];

/** How long pods that were verified once may take to answer before new ones are made, in seconds. */
const graceSeconds = 10;

/**
 * Waits for what Terraform applied, verifies every pod, and goes back where it fails. Where nothing changed and all
 * is well it only verifies; where what was verified once is not well, it makes new pods.
 *
 * A runner that dies in between leaves nothing half done, but nobody goes back either: Kubernetes keeps the old pods
 * until new ones are ready (a quarter of one replica that may be unavailable is none), so the old revision goes on
 * answering. The next look shows that the pods are not on the commit, and the next apply ends the wait or goes back.
 */
export async function k3sRollout(spec: Spec, context: StepContext): Promise<void> {
  const { artifact, target } = spec;
  const host = context.connection(target.host);
  const interruption = new Interruption();
  try {
    await withRolloutLock(host, target.namespace, artifact, context, () =>
      new Rollout(spec, context, interruption).run(),
    );
  } finally {
    interruption.dispose();
  }
  context.say(`${artifact.service} is live at ${artifact.commit}`);
}

interface Look {
  readonly verdict: Verdict;
  readonly observed: ObservedK3s | undefined;
}

class Rollout {
  private readonly began = Date.now();
  private last: ObservedK3s | undefined;
  private past: PastRollouts = { verified: undefined, failed: new Set() };

  constructor(
    private readonly spec: Spec,
    private readonly context: StepContext,
    private readonly interruption: Interruption,
  ) {}

  async run(): Promise<void> {
    const { artifact, target } = this.spec;
    const { context, interruption } = this;
    const first = await interruption.during(this.look());
    this.requireObjects(first);
    this.past = await pastRollouts(context.connection(target.host), artifact.service, context);
    const known = this.past.verified?.commit === artifact.commit && this.allRolledOut(first);
    let problem: Problem;
    let cause: unknown;
    let changed = !known;
    try {
      context.say(known ? "rolled out already; verifying" : `waiting for ${target.workloads.length} rollout(s)`);
      let { verdict } = await interruption.during(this.settle(known ? graceSeconds : target.health.deadlineSeconds));
      if (!verdict.ok && known && this.imageIsThere()) {
        const ill = this.illWorkloads();
        context.say(`rolled out, but not as it should be; new pods of ${ill.join(", ")}`);
        changed = true;
        await restartWorkloads(context.connection(target.host), target, ill);
        ({ verdict } = await interruption.during(this.settle(target.health.deadlineSeconds)));
      }
      if (verdict.ok) {
        if (changed) await this.record({ result: "deployed", previousCommit: this.previousCommit() });
        return;
      }
      problem = {
        what: renderReasons(artifact.service, verdict.reasons),
        found: mayStillCome(verdict)
          ? `it was looked at for ${target.health.deadlineSeconds} s`
          : "waiting would not change that",
      };
    } catch (error) {
      const [what = "", ...rest] = messageOf(error).split("\n");
      problem = error instanceof UserError ? error.problem : { what, found: rest.join("\n") };
      cause = error;
    }
    // Nothing was changed by anybody: there is nothing to undo.
    if (!changed) throw failure(problem, "", cause);
    await this.describe();
    throw failure(problem, await this.undo(problem), cause);
  }

  private async look(): Promise<ObservedK3s> {
    this.last = await observeK3s(this.spec.artifact, this.spec.target, this.context);
    return this.last;
  }

  /** What Terraform makes has to be there and to name the commit; a rollout of something else is not this step's. */
  private requireObjects(observed: ObservedK3s): void {
    const { artifact, target } = this.spec;
    const reasons = judgeK3s(artifact, target, observed).reasons.filter(({ what }) =>
      /^(Deployment|Service)( image)?$/.test(what),
    );
    if (reasons.length === 0) return;
    throw new UserError({
      what: `nothing was changed, because the cluster does not hold what was declared\n${renderReasons(artifact.service, reasons)}`,
      remedy: "apply the whole stack: it makes Deployments and Services as declared",
    });
  }

  /** Looks until everything is as pinned, something is wrong for good, or the time is over. */
  private async settle(seconds: number): Promise<Look> {
    const { artifact, target } = this.spec;
    const deadline = Date.now() + seconds * 1000;
    for (;;) {
      try {
        const observed = await this.look();
        const verdict = judgeK3s(artifact, target, observed);
        const over = Date.now() >= deadline || this.interruption.came;
        if (verdict.ok || over || !mayStillCome(verdict)) return { verdict, observed };
      } catch (error) {
        // One node: its API is away for a moment whenever k3s restarts.
        if (!(error instanceof InfraBlockedError) || Date.now() >= deadline || this.interruption.came) throw error;
      }
      await sleep(500);
    }
  }

  private allRolledOut(observed: ObservedK3s): boolean {
    return Object.values(observed.cluster?.workloads ?? {}).every(isRolledOut);
  }

  /** New pods of an image that the node lacks would be worse than what runs. */
  private imageIsThere(): boolean {
    return this.last?.images?.[this.spec.artifact.commit] !== undefined;
  }

  private illWorkloads(): string[] {
    const { artifact, target } = this.spec;
    const { last } = this;
    const names = target.workloads.map(({ name }) => name);
    return last ? names.filter((name) => !judgeWorkload(artifact, name, target, last).ok) : names;
  }

  /** Events and last lines of the pods that are not right; that they cannot be read is no other failure. */
  private async describe(): Promise<void> {
    const { artifact, target } = this.spec;
    const { last, context } = this;
    if (!last?.cluster) return;
    const pods = this.illWorkloads().flatMap((name) => {
      const reasons = judgeWorkload(artifact, name, target, last).reasons.map(({ where }) => where);
      const found = last.cluster?.workloads[name];
      const newest = found ? livePods(found).filter(({ requestedCommit }) => requestedCommit === artifact.commit) : [];
      return newest.filter((pod) => reasons.some((where) => where.endsWith(` pod ${pod.name}`)));
    });
    const names = pods.map(({ name }) => name);
    const lines = await describePods(context.connection(target.host), target, names).catch((error) => [
      messageOf(error),
    ]);
    for (const line of lines) context.say(line);
  }

  /** The sentence about what happened after the failure; that the cluster cannot be asked is a fact too. */
  private async undo({ what }: Problem): Promise<string> {
    const { artifact } = this.spec;
    const { context } = this;
    context.say("undoing this rollout");
    const commits = { failing: artifact.commit, verified: this.past.verified?.commit, failed: this.past.failed };
    const { result, text } = await goBack(this.spec, commits, context).catch((error) => ({
      result: "restore-failed" as const,
      text: `restore failed: ${messageOf(error).split("\n").slice(0, 2).join(": ")}`,
    }));
    const previousCommit = this.previousCommit();
    await this.record({ result, reason: `${what.split("\n")[0]}; ${text}`, previousCommit }).catch((error) =>
      context.say(`the history was not written: ${messageOf(error)}`),
    );
    return text;
  }

  private previousCommit(): string | undefined {
    return this.past.verified?.commit;
  }

  private async record(end: Omit<RolloutEnd, "seconds">): Promise<void> {
    const { artifact, target } = this.spec;
    const image = this.last?.images?.[artifact.commit];
    const subject = {
      id: newJobId(),
      spec: this.spec,
      record: image?.record,
      digest: image?.record?.digest ?? artifact.digest,
    };
    const seconds = (Date.now() - this.began) / 1000;
    await appendRollout(this.context.connection(target.host), subject, { ...end, seconds }, this.context);
    this.context.say(`${end.result} ${shortCommit(artifact.commit)} after ${Math.round(seconds)} s`);
  }
}

/** Both facts: why the rollout failed, and what happened after. */
function failure(problem: Problem, after: string, cause: unknown): Error {
  const both: Problem = {
    ...problem,
    what: after === "" ? problem.what : `${problem.what}\n${after}`,
    remedy:
      problem.remedy ?? "read the pods' events and last lines above; correct the pin or the service, then apply again",
  };
  return cause instanceof InfraBlockedError ? new InfraBlockedError(both, cause.missingChannels) : new UserError(both);
}
