import { join } from "node:path";
import { approveCommand } from "../approval/request.ts";
import { stepApproval } from "../approval/source.ts";
import { lookForApproval } from "../approval/verify.ts";
import { findService, isConsumer } from "../catalog/index.ts";
import { type Pin, pinName } from "../config/deploy-file.ts";
import type { Site } from "../config/site.ts";
import { Environment } from "../config/values.ts";
import { exitCodes, UserError } from "../errors.ts";
import { readHistory, type SiteHistory } from "../history/read.ts";
import { adviceOf } from "../observe/site.ts";
import { questionKey, readSource, type SourceFacts } from "../source/read.ts";
import { stackName } from "../stack-names.ts";
import { type ArtifactLook, type ArtifactQuestion, lookAtArtifacts, noArtifacts } from "./artifacts.ts";
import { blockedFindings } from "./blocked.ts";
import { codeLines } from "./code.ts";
import { comingLines, factLines } from "./facts.ts";
import { type FingerprintInput, fingerprintOf, pinLines } from "./fingerprint.ts";
import { type Live, liveOf } from "./live.ts";
import { planInputs } from "./plan-inputs.ts";
import { type Finding, isApplied, placeOf, type ReviewReport, type ServiceReview } from "./report.ts";
import { destroysOf, extentsOf, type SortedStack, sortStack, totalsOf } from "./report-builder.ts";
import { reviewForgotten, reviewService, rollbackCommit } from "./service.ts";
import { sidesOf } from "./sides.ts";
import type { Synthesize, Synthesized } from "./synthesized.ts";
import { planStack, type StackFolder } from "./terraform.ts";

export interface ReviewRequest {
  readonly root: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Names of stacks. @default - all */
  readonly stacks: readonly string[];
  readonly synthesize: Synthesize;
  /** Where the stacks are written to; nobody else's at the same time. */
  readonly workFolder: string;
  /** The site's policies over the finished report. */
  readonly judge: (report: ReviewReport, site: Site) => Promise<readonly Finding[]>;
  readonly say: (line: string) => void;
  /** Plans every stack, also one whose last plan still stands. @default false */
  readonly fresh?: boolean;
}

export interface Review {
  readonly report: ReviewReport;
  /** What the fingerprint was made of, for the words of a later difference. */
  readonly parts: FingerprintInput;
  readonly synthesized: Synthesized;
  /** Folders that the plan files lie in, by stack. */
  readonly folders: ReadonlyMap<string, StackFolder>;
}

/** Plans the stacks, looks at everything that a reviewer asks about, and makes one report of it. Changes nothing. */
export async function review(request: ReviewRequest): Promise<Review> {
  const { root, environment, say, synthesize } = request;
  say("looking at the hosts");
  const synthesized = await synthesize(root, environment, request.workFolder);
  const { site, observed, isObserved } = synthesized;
  const names = chosen(synthesized.stacks, request.stacks);
  const refresh = Object.values(site.connections).every(({ access }) => access !== "observe");
  const folders = new Map(
    names.map((name): [string, StackFolder] => [
      name,
      { name, path: join(synthesized.folder, name), root, environment, refresh },
    ]),
  );
  const here = pinsOf(synthesized, names);
  const live = new Map(here.map((pin) => [pinName(pin), liveOf(pin, site, observed)]));
  say(`planning ${names.length} stacks`);
  const [planned, around] = await Promise.all([
    Promise.all(
      [...folders.values()].map(async (folder) => {
        const plan = await planStack(folder, request.fresh ? undefined : planInputs(folder, site, observed));
        say(`planned ${folder.name}`);
        return sortStack(folder.name, plan);
      }),
    ),
    isObserved ? lookAround(site, here, live) : nothingAround,
  ]);
  const surroundings = isObserved ? await withTheRest(site, around, here, planned) : around;
  const services = await reviewServices(site, here, live, planned, surroundings);
  const stacks = planned.map(({ review: one }) => one);
  const parts: FingerprintInput = {
    pins: pinLines(here),
    code: codeLines(root, site.registry, synthesized.bundle),
    facts: [...factLines(site, names, here, observed), ...comingLines(here, live, surroundings.artifacts)].sort(),
    plans: planned.flatMap(({ lines }) => lines),
  };
  const changes = stacks.some(({ action }) => action === "change");
  const unseen = isObserved ? unseenPlaces(here, live) : [];
  // Where nobody could look, nothing to do is not known either.
  const failed = stacks.some(({ action }) => action === "error") || (!changes && unseen.length > 0);
  const report: ReviewReport = {
    version: 1,
    target: site.target,
    decision: failed ? "error" : changes ? "changes" : "nothing",
    offline: isObserved ? null : "the hosts were not looked at: this compares the pins with Terraform's state alone",
    unseen,
    fingerprint: fingerprintOf(parts),
    stacks,
    services,
    sides: sidesOf(synthesized, services),
    disks: [...surroundings.artifacts.disks],
    destroys: destroysOf(stacks, services),
    ...extentsOf(stacks, services, unseen),
    totals: totalsOf(services, surroundings.artifacts.totalBytes(new Set(services.filter(isApplied).map(pinName)))),
    findings: [],
    warnings: [
      ...observed.warnings,
      ...adviceOf(observed, synthesized.pins),
      ...surroundings.warnings,
      ...(refresh || !isObserved ? [] : [notRefreshed]),
    ],
  };
  const findings = [...blockedFindings(services, report.disks), ...(await request.judge(report, site))];
  const denied = findings.some(({ level }) => level === "deny");
  return {
    report: { ...report, findings, decision: denied ? "error" : report.decision },
    parts,
    synthesized,
    folders,
  };
}

/** Hosts, and clusters of hosts, with services of this review that nobody could look at. */
function unseenPlaces(pins: readonly Pin[], live: ReadonlyMap<string, Live>): string[] {
  const unseen = pins.filter((pin) => !pin.consumer.planOnly && !live.get(pinName(pin))?.seen);
  const places = unseen.map(({ consumer: { runtime } }) => placeOf({ host: runtime.host, runtime: runtime.kind }));
  return [...new Set(places)].sort();
}

/** Pins of some stacks. */
function pinsOf({ pins }: Pick<Synthesized, "pins">, stacks: readonly string[]): Pin[] {
  return pins.filter(({ service, environment, consumer }) =>
    stacks.includes(stackName(service, environment, consumer)),
  );
}

function chosen(all: readonly string[], wanted: readonly string[]): readonly string[] {
  const unknown = wanted.filter((name) => !all.includes(name));
  if (unknown.length > 0) {
    throw new UserError(
      { what: "unknown stack", found: unknown.join(", "), allowed: all.join(", "), remedy: "correct the name" },
      exitCodes.usage,
    );
  }
  return wanted.length > 0 ? all.filter((name) => wanted.includes(name)) : all;
}

const notRefreshed =
  "this was planned with an observing key: what the look at the hosts does not cover, such as single fields of Deployments, is as the state says; the apply looks at that too, and refuses where it differs";

interface Surroundings {
  readonly artifacts: ArtifactLook;
  /** Stacks whose artifacts were asked for. */
  readonly asked: ReadonlySet<string>;
  readonly history: SiteHistory | undefined;
  readonly source: SourceFacts | undefined;
  readonly warnings: readonly string[];
}
const nothingAround: Surroundings = {
  ...{ artifacts: noArtifacts, asked: new Set(), history: undefined, source: undefined, warnings: [] },
};

/** Registry, history and Git, all at once; what does not answer is unknown, with a warning. */
async function lookAround(site: Site, pins: readonly Pin[], live: ReadonlyMap<string, Live>): Promise<Surroundings> {
  const applied = pins.filter(({ consumer }) => !consumer.planOnly);
  const stateOf = (pin: Pin) => live.get(pinName(pin));
  const moving = applied.filter((pin) => stateOf(pin)?.drift !== undefined || !stateOf(pin)?.seen);
  // The preflight of a stack judges all of its pins.
  const busy = new Set(moving.map((pin) => stackName(pin.service, pin.environment, pin.consumer)));
  const asked = applied.filter((pin) => busy.has(stackName(pin.service, pin.environment, pin.consumer)));
  const historyOf = moving.length > 0 ? readHistory(Object.values(site.connections)) : undefined;
  const [history, source, artifacts] = await Promise.all([
    historyOf,
    readSource(
      site,
      moving.map((pin) => questionOf(site, pin, stateOf(pin))),
    ),
    (async () => {
      const histories = (await historyOf)?.byHost;
      const questions = asked.map((pin): ArtifactQuestion => {
        const seen = stateOf(pin);
        const comes = moving.includes(pin) && seen?.seen === true && !seen.delivered;
        const history = histories?.get(pin.consumer.runtime.host) ?? [];
        return { pin, comes, rollback: moving.includes(pin) ? rollbackCommit(pin, history) : undefined };
      });
      return lookAtArtifacts(site, questions);
    })(),
  ]);
  const warnings = [...(history?.warnings ?? []), ...source.warnings, ...artifacts.warnings];
  return { artifacts, asked: busy, history, source, warnings: [...new Set(warnings)] };
}

/**
 * Of what nothing but its plan moves nobody knew before it that its past would be asked for, nor that a preflight would
 * judge its artifact.
 */
async function withTheRest(
  site: Site,
  around: Surroundings,
  pins: readonly Pin[],
  planned: readonly SortedStack[],
): Promise<Surroundings> {
  const judged = planned.filter(({ preflight }) => preflight).map(({ review: { name } }) => name);
  const unasked = pins.filter((pin) => {
    const stack = stackName(pin.service, pin.environment, pin.consumer);
    return !pin.consumer.planOnly && judged.includes(stack) && !around.asked.has(stack);
  });
  const isHistoryAsked = !around.history && planned.some(({ byService }) => byService.size > 0);
  const [artifacts, history] = await Promise.all([
    lookAtArtifacts(
      site,
      unasked.map((pin) => ({ pin, comes: false, rollback: undefined })),
    ),
    isHistoryAsked ? readHistory(Object.values(site.connections)) : around.history,
  ]);
  const find: ArtifactLook["find"] = (service, commit) => {
    const found = around.artifacts.find(service, commit);
    return found === undefined ? artifacts.find(service, commit) : found;
  };
  const warnings = [...around.warnings, ...(history?.warnings ?? []), ...artifacts.warnings];
  return { ...around, history, artifacts: { ...around.artifacts, find }, warnings: [...new Set(warnings)] };
}

function questionOf(site: Site, { service, commit }: Pin, live: Live | undefined) {
  return { repository: repositoryOf(site, service), commit, from: live?.commit };
}

function repositoryOf({ ci }: Site, service: string): string {
  return ci.artifacts.find(({ serviceId }) => serviceId === service)?.sourceRepo ?? "";
}

async function reviewServices(
  site: Site,
  pins: readonly Pin[],
  live: ReadonlyMap<string, Live>,
  planned: readonly SortedStack[],
  { artifacts, history, source }: Surroundings,
): Promise<ServiceReview[]> {
  const pinned = await Promise.all(
    pins.map(async (pin) => {
      const seen = live.get(pinName(pin));
      if (!seen) throw new Error(`${pinName(pin)} was not judged`);
      const name = stackName(pin.service, pin.environment, pin.consumer);
      const stack = planned.find((one) => one.review.name === name);
      return reviewService({
        pin,
        repository: repositoryOf(site, pin.service),
        live: seen,
        planned: stack?.review.error === null,
        preflight: stack?.preflight ?? false,
        changes: stack?.byService.get(pinName(pin)) ?? [],
        source: source?.commits.get(questionKey(questionOf(site, pin, seen))),
        artifacts,
        history: history?.byHost.get(pin.consumer.runtime.host),
        approval: await approvalOf(site, pin),
      });
    }),
  );
  const keys = new Set(pins.map(pinName));
  const forgotten = planned.flatMap(({ review: { name }, byService }) =>
    [...byService].flatMap(([key, changes]) => {
      const [environment, service = ""] = key.split("/");
      const parsed = Environment.safeParse(environment).data;
      const consumer = parsed && findService(service)?.consumers[parsed];
      if (keys.has(key) || !parsed || !isConsumer(consumer)) return [];
      return [reviewForgotten({ service, environment: parsed, consumer }, name, repositoryOf(site, service), changes)];
    }),
  );
  return [...pinned, ...forgotten];
}

/** What the gate of a supervised pin would say now. */
async function approvalOf(site: Site, pin: Pin): Promise<ServiceReview["approval"]> {
  if (!pin.consumer.supervised) return { state: "not-needed", detail: null, command: null };
  const wanted = stepApproval(site, pin);
  const verdict = await lookForApproval(wanted);
  if (verdict.ok) {
    const { signer, expires } = verdict.approval;
    return { state: "approved", detail: `by ${signer} until ${expires}`, command: null };
  }
  return { state: "missing", detail: verdict.problem.what, command: approveCommand(wanted.request) };
}
