import { shortCommit } from "../config/values.ts";
import { newJobId } from "../deploy-job/job-spec.ts";
import { InfraBlockedError, messageOf, type Problem, UserError } from "../errors.ts";
import { rollAuth, settleAuth } from "../kubernetes/auth-rollout.ts";
import { Outage } from "../kubernetes/outage.ts";
import { restartWorkloads, resumeWorkloads } from "../kubernetes/rollout.ts";
import { appendRollout, type PastRollouts, pastRollouts, type RolloutEnd } from "../kubernetes/rollout-history.ts";
import { withRolloutLock } from "../kubernetes/rollout-lock.ts";
import type { ObservedK3s } from "../observe/k3s.ts";
import {
  isOnlyEnding,
  isRolledOut,
  judgeK3s,
  judgeWorkload,
  mayStillCome,
  Patience,
  stillEnding,
} from "../verdicts/k3s-live.ts";
import { renderReasons, type Verdict, verdictOf } from "../verdicts/verdict.ts";
import { Interruption } from "./interruption.ts";
import { describeIll, failure } from "./k3s-describe.ts";
import { goBack } from "./k3s-go-back.ts";
import { lookUntil } from "./look-until.ts";
import { observeK3s } from "./observe-k3s.ts";
import { patiently } from "./patiently.ts";
import type { StepContext, StepSpecs } from "./specs.ts";

type Spec = StepSpecs["k3s-rollout"];

/** How long the first look waits for an API that is away, in seconds. */
const firstLookSeconds = 45;

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
    await withRolloutLock(host, target.namespace, artifact, context, interruption, (lost) =>
      new Rollout(spec, context, interruption, lost).run(),
    );
  } finally {
    interruption.dispose();
  }
  context.say(`${artifact.service} is live at ${artifact.commit}`);
}

interface Failed {
  readonly problem: Problem;
  readonly cause?: unknown;
}

interface Look {
  readonly verdict: Verdict;
  /** It was looked at until there was no more time; else waiting would not have changed it. */
  readonly waited: boolean;
}

class Rollout {
  private readonly began = Date.now();
  private last: ObservedK3s | undefined;
  /** Something is to be recorded. */
  private changed = true;
  /** Workloads that are undone where it fails: this run changed them, or they were in the middle of a rollout. */
  private mine = new Set<string>();
  /** Pods that were there before this step made new ones: what is wrong with them goes away with them. */
  private replaced: ReadonlySet<string> = new Set();
  private readonly outage = new Outage();
  private past: PastRollouts = { verified: undefined, failed: new Set() };

  constructor(
    private readonly spec: Spec,
    private readonly context: StepContext,
    private readonly interruption: Interruption,
    /** Aborts where the lock ends early: from then on this looks and changes nothing. */
    private readonly lost: AbortSignal,
  ) {}

  async run(): Promise<void> {
    const { artifact, target } = this.spec;
    const { context, interruption } = this;
    const first = await interruption.during(
      patiently(
        () => this.look(),
        firstLookSeconds,
        () => interruption.came,
      ),
    );
    this.requireObjects(first);
    await interruption.during(this.resume(first));
    this.past = await pastRollouts(context.connection(target.host), artifact.service, context);
    const known = this.past.verified?.commit === artifact.commit && this.allRolledOut(first);
    this.changed = !known;
    if (!known) this.mine = this.inMotion(first);
    const failed = await this.verify(known);
    if (failed) {
      await describeIll(this.spec, this.illWorkloads(), this.last, context);
      throw failure(failed.problem, this.mine.size > 0 ? await this.undo(failed.problem) : nothingUndone, failed.cause);
    }
    // From here on nothing is undone any more, whatever happens.
    await this.conclude();
  }

  /** Why the rollout is not what it should be; undefined where every pod proves the commit. */
  private async verify(wasKnown: boolean): Promise<Failed | undefined> {
    const { artifact, target } = this.spec;
    const { context, interruption } = this;
    try {
      const known = (await interruption.during(this.rollAuth())) ? false : wasKnown;
      context.say(known ? "rolled out already; verifying" : `waiting for ${target.workloads.length} rollout(s)`);
      let { verdict, waited } = await interruption.during(
        this.settle(known ? graceSeconds : target.health.deadlineSeconds),
      );
      if (!verdict.ok && known && this.imageIsThere()) {
        this.lost.throwIfAborted();
        const ill = this.illWorkloads();
        context.say(`rolled out, but not as it should be; new pods of ${ill.join(", ")}`);
        this.changed = true;
        this.mine = new Set(ill);
        this.replaced = new Set(this.podsOf(ill));
        await this.patiently(() => restartWorkloads(context.connection(target.host), target, ill));
        ({ verdict, waited } = await interruption.during(this.settle(target.health.deadlineSeconds)));
      }
      if (verdict.ok) return undefined;
      const found = waited
        ? `it was looked at for ${target.health.deadlineSeconds} s`
        : "waiting would not change that";
      return { problem: { what: renderReasons(artifact.service, verdict.reasons), found } };
    } catch (error) {
      const [what = "", ...rest] = messageOf(error).split("\n");
      const problem = error instanceof UserError ? error.problem : { what, found: rest.join("\n") };
      return { problem, cause: error };
    }
  }

  /** Asks again while the API is away, unless it is not for this run to change anything any more. */
  private patiently(change: () => Promise<void>): Promise<void> {
    const ask = () => {
      this.lost.throwIfAborted();
      return change();
    };
    return patiently(ask, undefined, () => this.interruption.came);
  }

  private async look(): Promise<ObservedK3s> {
    this.last = await observeK3s(this.spec.artifact, this.spec.target, this.context);
    this.outage.seen(this.last, Date.now());
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

  /** Terraform's provider does not know of pauses: without this a paused Deployment would never be rolled out again. */
  private async resume({ cluster }: ObservedK3s): Promise<void> {
    const { target } = this.spec;
    const names = target.workloads.map(({ name }) => name);
    const paused = names.filter((name) => cluster?.workloads[name]?.deployment?.paused);
    if (paused.length === 0) return;
    this.context.say(`resuming ${paused.join(", ")}, which somebody had paused`);
    await this.patiently(() => resumeWorkloads(this.context.connection(target.host), target, paused));
  }

  /** Here and not in the sync: Terraform's provider wrote the templates in between. Whether there is anything to roll. */
  private async rollAuth(): Promise<boolean> {
    const { auth, target } = this.spec;
    this.lost.throwIfAborted();
    const told = auth ? await rollAuth(this.context.connection(target.host), target, auth) : [];
    for (const name of told) this.context.say(`${name} rolls: its auth changed`);
    for (const name of told) this.mine.add(name);
    if (told.length > 0) this.changed = true;
    return told.length > 0;
  }

  private async settleAuth(outcome: "verified" | "undone"): Promise<void> {
    const { auth, target } = this.spec;
    if (auth) await settleAuth(this.context.connection(target.host), target, auth, outcome);
  }

  /** Looks until everything is as pinned, something is wrong for good, or the time is over. */
  private async settle(seconds: number): Promise<Look> {
    const { artifact, target } = this.spec;
    const patience = new Patience();
    const isEnd = (verdict: Verdict) => {
      const staying = this.withoutReplaced(verdict);
      return verdict.ok || !mayStillCome(staying) || patience.isOver(staying, Date.now());
    };
    const look = async () => judgeK3s(artifact, target, await this.look());
    const { seen: verdict, isOver } = await lookUntil(seconds, look, isEnd, () => this.interruption.came);
    if (!isOver || !isOnlyEnding(verdict)) return { verdict, waited: isOver };
    for (const line of stillEnding(verdict)) this.context.say(line);
    return { verdict: verdictOf([]), waited: true };
  }

  private podsOf(workloads: readonly string[]): string[] {
    return workloads.flatMap((name) => this.last?.cluster?.workloads[name]?.pods.map((pod) => pod.name) ?? []);
  }

  private withoutReplaced({ ok, reasons }: Verdict): Verdict {
    return { ok, reasons: reasons.filter(({ where }) => !this.replaced.has(where.slice(where.lastIndexOf(" ") + 1))) };
  }

  private allRolledOut(observed: ObservedK3s): boolean {
    return Object.values(observed.cluster?.workloads ?? {}).every(isRolledOut);
  }

  /**
   * What this run changed, and what was rolling when it came, such as a rollout whose runner was killed. Anything else has
   * run for a while: what is wrong with it is not of this commit, and no older revision would mend it.
   */
  private inMotion({ cluster }: ObservedK3s): Set<string> {
    const { seen } = this.spec;
    const isMine = (name: string) => {
      const { deployment } = cluster?.workloads[name] ?? {};
      const changed = seen !== undefined && deployment?.generation !== seen[name];
      return changed || !isRolledOut({ deployment });
    };
    return new Set(this.spec.target.workloads.map(({ name }) => name).filter(isMine));
  }

  private created(): Set<string> {
    const seen = Object.entries(this.spec.seen ?? {});
    return new Set(seen.filter(([, generation]) => generation === null).map(([name]) => name));
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

  /** The sentence about what happened after the failure; that the cluster cannot be asked is a fact too. */
  private async undo({ what }: Problem): Promise<string> {
    const { artifact } = this.spec;
    const { context } = this;
    if (this.lost.aborted) return `nothing was undone: ${messageOf(this.lost.reason)}`;
    context.say("undoing this rollout");
    const { verified, failed } = this.past;
    const commits = { failing: artifact.commit, verified: verified?.commit, failed, created: this.created() };
    const { result, text } = await goBack(this.spec, this.mine, commits, context).catch((error) => ({
      result: "restore-failed" as const,
      text: `restore failed: ${messageOf(error).split("\n").slice(0, 2).join(": ")}`,
    }));
    await this.settleAuth("undone").catch((error) =>
      context.say(`the Secret does not say yet which pods have its data: ${messageOf(error)}`),
    );
    const previousCommit = this.previousCommit();
    await this.record({ result, reason: `${what.split("\n")[0]}; ${text}`, previousCommit }).catch((error) =>
      context.say(`the history was not written: ${messageOf(error)}`),
    );
    return text;
  }

  /** What is live and right stays, noted or not; without its line the next apply verifies it again and writes one. */
  private async conclude(): Promise<void> {
    const { service, commit } = this.spec.artifact;
    try {
      await this.settleAuth("verified");
      if (this.changed) await this.record({ result: "deployed", previousCommit: this.previousCommit() });
    } catch (error) {
      const problem = {
        what: `${service} is live at ${commit} and was verified, but that could not be written down; nothing was undone`,
        found: messageOf(error).split("\n").slice(0, 2).join(": "),
        remedy: `on ${this.spec.target.host}: look at the disk and at ~/.unidesk/deploy-history; then apply again, which writes it`,
      };
      throw error instanceof InfraBlockedError
        ? new InfraBlockedError(problem, error.missingChannels)
        : new UserError(problem);
    }
  }

  private previousCommit(): string | undefined {
    return this.past.verified?.commit;
  }

  private async record(end: Omit<RolloutEnd, "seconds" | "downtimeSeconds">): Promise<void> {
    const { artifact, target } = this.spec;
    const image = this.last?.images?.[artifact.commit];
    const subject = {
      id: newJobId(),
      spec: this.spec,
      record: image?.record,
      digest: image?.record?.digest ?? artifact.digest,
    };
    const seconds = (Date.now() - this.began) / 1000;
    // Where nothing ran before, nobody was without it.
    const downtimeSeconds = end.previousCommit === undefined ? undefined : this.outage.seconds;
    const whole = { ...end, seconds, downtimeSeconds };
    await appendRollout(this.context.connection(target.host), subject, whole, this.context);
    this.context.say(`${end.result} ${shortCommit(artifact.commit)} after ${Math.round(seconds)} s`);
  }
}

const nothingUndone = "nothing was undone: this run changed no Deployment of it";
