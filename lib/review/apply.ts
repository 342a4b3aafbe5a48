import { pinName } from "../config/deploy-file.ts";
import { type HostName, hostNames } from "../config/hosts.ts";
import { loadSite, overridesOf, type Site } from "../config/site.ts";
import { withHostLock } from "../deploy-job/host-lock.ts";
import { messageOf } from "../errors.ts";
import { operatorOf } from "../history/operator.ts";
import { hostPaths } from "../host-paths.ts";
import { requireMoreThanObserving } from "../ssh/observing.ts";
import { planOnlyStack, registryStack } from "../stack-names.ts";
import { Interruption } from "../steps/interruption.ts";
import { runIdOf } from "../steps/run-id.ts";
import { hostsToHold } from "./apply-hosts.ts";
import { applyPlan } from "./apply-stack.ts";
import { fingerprintOf, isFingerprint, partsOf } from "./fingerprint.ts";
import {
  refuseDenied,
  refuseDifferences,
  refuseMissingPlans,
  refuseOtherPlans,
  refuseOtherTarget,
  refuseUnknown,
  refuseUnseen,
} from "./refuse.ts";
import type { ReviewReport } from "./report.ts";
import { type Review, type ReviewRequest, review } from "./review.ts";
import { findReview, type StoredReview, storeReview } from "./store.ts";
import type { Synthesized } from "./synthesized.ts";
import type { StackFolder } from "./terraform.ts";

export interface ApplyRequest extends ReviewRequest {
  /** A review's folder, or a fingerprint. */
  readonly reviewed: string;
  /** One line about one resource of a stack. */
  readonly tell: (stack: string, address: string, line: string) => void;
}

export interface StackOutcome {
  readonly name: string;
  readonly result: "applied" | "unchanged" | "failed" | "skipped";
  readonly reason: string | null;
}

export interface ApplyOutcome {
  readonly report: ReviewReport;
  readonly synthesized: Synthesized;
  readonly stacks: readonly StackOutcome[];
  readonly operator: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  /** Which lock ended before the last stack did, and why; null where all were held. */
  readonly unlocked: string | null;
}

/** Of a stack that a signal came before: what was reviewed is not applied. */
export const interruptedReason = "interrupted";

/**
 * Applies what was reviewed and nothing else. All of the stacks that are asked for are looked at and planned again under
 * the locks of their hosts and have to have the same fingerprint; what is applied are the reviewed plan files where this
 * machine made them with a key that can deploy.
 */
export async function applyReviewed(request: ApplyRequest): Promise<ApplyOutcome> {
  const { root, environment, reviewed, say } = request;
  const stored = findReview(root, reviewed);
  if (stored) {
    refuseUnseen(stored.report);
    refuseDenied(stored.report);
    refuseUnknown(request.stacks, stored.report);
  }
  const startedAt = new Date().toISOString();
  const operator = operatorOf(environment);
  const site = loadSite(root, overridesOf(environment));
  if (stored) refuseOtherTarget(stored.report, site.target);
  for (const host of Object.values(site.connections)) requireMoreThanObserving(host, "apply");
  const hosts = hostsToHold(request.stacks, hostNames, stored?.report);
  const interruption = new Interruption();
  const interrupted = new AbortController();
  interruption.during(new Promise(() => {})).catch(() => interrupted.abort());
  const work = async (lost: AbortSignal) => {
    say(stored ? "looking again at what was reviewed" : "this machine did not make the review: planning anew");
    const all = stored?.report.stacks.map(({ name }) => name) ?? [];
    const named = request.stacks.length > 0 ? request.stacks : all;
    const again = await review({ ...request, stacks: named, fresh: true });
    refuseUnseen(again.report);
    // Of a review that this machine knows one stack can be compared by itself, of a fingerprint nothing can.
    const isPart = all.some((name) => !named.includes(name));
    const before = stored && (isPart ? partsOf(stored.parts, named) : stored.parts);
    const fingerprint = before && isPart ? fingerprintOf(before) : (stored?.report.fingerprint ?? reviewed);
    refuseDifferences(before, fingerprint, again);
    refuseDenied(again.report);
    const ready = stored?.hasPlans ? stored : storedNow(root, again);
    refuseMissingPlans(ready, [...again.folders.keys()]);
    if (stored?.hasPlans) await refuseOtherPlans(ready, again);
    // The numbers that a person read, where this machine has them.
    const report = stored ? withApprovals(stored.report, again.report) : again.report;
    const stacks = await applyStacks(
      request,
      { report, planOf: ready.planOf },
      again.folders,
      interrupted.signal,
      lost,
    );
    const finishedAt = new Date().toISOString();
    const unlocked = lost.aborted ? messageOf(lost.reason) : null;
    return { report, synthesized: again.synthesized, stacks, operator, startedAt, finishedAt, unlocked };
  };
  try {
    return await holdingHosts(site, hosts, { runId: runIdOf(), operator, say }, reviewed, interruption, work);
  } finally {
    interruption.dispose();
  }
}

/** An approval is given after what it is for was read, and may have ended since: what counts is what there is now. */
export function withApprovals(report: ReviewReport, now: ReviewReport): ReviewReport {
  const found = new Map(now.services.map((one) => [pinName(one), one.approval]));
  const services = report.services.map((one) => ({ ...one, approval: found.get(pinName(one)) ?? one.approval }));
  return { ...report, services };
}

/** One `apply --reviewed` at a time on each of these hosts, so that nothing changes between the look and the apply. */
async function holdingHosts<T>(
  site: Site,
  names: readonly HostName[],
  context: { readonly runId: string; readonly operator: string; readonly say: (line: string) => void },
  reviewed: string,
  interruption: Interruption,
  work: (lost: AbortSignal) => Promise<T>,
): Promise<T> {
  const hosts = names.map((name) => site.connections[name]);
  const hold = (left: typeof hosts, lost: readonly AbortSignal[]): Promise<T> => {
    const [host, ...rest] = left;
    if (!host) return work(AbortSignal.any([...lost]));
    const path = `${hostPaths(host).locks}/apply-${site.target}`;
    const holder: [string, string] = ["review", isFingerprint(reviewed) ? reviewed.slice(0, 16) : "folder"];
    return withHostLock(host, { path, holder, what: "another apply" }, context, interruption, (one) =>
      hold(rest, [...lost, one]),
    );
  };
  return hold(hosts, []);
}

function storedNow(root: string, again: Review): StoredReview {
  const stored = findReview(root, storeReview(root, again));
  if (!stored) throw new Error("a review that was just stored is not there");
  return stored;
}

/** The registry first, what serves least people next, what a person had to approve last. */
export function applyOrder(stacks: readonly string[]): string[] {
  const rank = (name: string) => {
    if (name === registryStack) return 0;
    if (name.includes("-supervised-")) return 3;
    return name.startsWith("unidesk-dev-") ? 1 : 2;
  };
  return [...stacks].sort((one, other) => rank(one) - rank(other) || (one < other ? -1 : 1));
}

/** @param lost Aborts where a host's lock ends early: what runs then goes on, and nothing more begins. */
export async function applyStacks(
  request: Pick<ApplyRequest, "stacks" | "tell" | "say">,
  { report, planOf }: Pick<StoredReview, "report" | "planOf">,
  folders: ReadonlyMap<string, StackFolder>,
  signal: AbortSignal,
  lost: AbortSignal,
): Promise<StackOutcome[]> {
  const { stacks: wanted, tell, say } = request;
  const outcomes: StackOutcome[] = [];
  let failed: string | undefined;
  for (const name of applyOrder(report.stacks.map((stack) => stack.name))) {
    const outcome = (result: StackOutcome["result"], reason: string | null = null) =>
      outcomes.push({ name, result, reason });
    const stack = report.stacks.find((one) => one.name === name);
    const unapproved = report.services.find((one) => one.stack === name && one.approval.state === "missing");
    const plan = planOf(name);
    const folder = folders.get(name);
    if (wanted.length > 0 && !wanted.includes(name)) outcome("skipped", "not asked for");
    else if (name === planOnlyStack) outcome("skipped", "shown, never applied");
    else if (stack?.action === "none" || !folder) outcome("unchanged");
    else if (signal.aborted) outcome("skipped", interruptedReason);
    else if (failed !== undefined) outcome("skipped", `${failed} failed before it`);
    else if (unapproved) outcome("skipped", unapproved.approval.detail);
    else if (lost.aborted || plan === undefined) {
      outcome("failed", `not begun: ${plan === undefined ? "its plan file is gone" : messageOf(lost.reason)}`);
      failed = name;
    } else {
      say(`applying ${name}`);
      const { ok, errors } = await applyPlan(folder, plan, (address, line) => tell(name, address, line), signal);
      if (ok) outcome("applied", lost.aborted ? `meanwhile ${messageOf(lost.reason)}` : null);
      else {
        outcome("failed", errors.join("\n"));
        failed = name;
      }
    }
  }
  return outcomes;
}
