import type { GateSpec, K3sVolume } from "../catalog/index.ts";
import { repositoryName } from "../config/ci-file.ts";
import { type Pin, pinName } from "../config/deploy-file.ts";
import { type Commit, shortCommit } from "../config/values.ts";
import { isEntryOf, type PlacedEntry } from "../history/collect.ts";
import { previousHealthy } from "../history/previous.ts";
import type { CommitFacts } from "../source/read.ts";
import { stackName } from "../stack-names.ts";
import { judgeArtifact } from "../verdicts/artifact.ts";
import type { ArtifactLook } from "./artifacts.ts";
import { estimateTime } from "./estimate.ts";
import type { Live } from "./live.ts";
import type { ResourceChange, ServiceReview } from "./report.ts";

export interface ServiceInput {
  readonly pin: Pin;
  readonly repository: string;
  readonly live: Live;
  /** Its stack could be planned; else nobody knows its changes. */
  readonly planned: boolean;
  /** The preflight of its stack runs, which judges the artifact of every pin that the stack has. */
  readonly preflight: boolean;
  /** The changes of this service alone. */
  readonly changes: readonly ResourceChange[];
  /** Undefined where the repository was not asked. */
  readonly source: CommitFacts | undefined;
  readonly artifacts: ArtifactLook;
  /** Newest first; undefined where its host's was not read. */
  readonly history: readonly PlacedEntry[] | undefined;
  readonly approval: ServiceReview["approval"];
}

const noTime: ServiceReview["time"] = { seconds: null, downtimeSeconds: null, samples: null };

/** Everything about one pin that a reviewer has to know; pure. */
export function reviewService(input: ServiceInput): ServiceReview {
  const { pin, live, changes, history = [], artifacts } = input;
  const { service, environment, commit, digest, consumer } = pin;
  const { runtime } = consumer;
  const decided = decide(input);
  const previous = rollbackCommit(pin, history, applying.has(decided.action) ? "applied" : "now");
  return {
    service,
    environment,
    stack: stackName(service, environment, consumer),
    host: runtime.host,
    runtime: runtime.kind,
    targets: targetsOf(pin),
    ...decided,
    blockers: blockersOf(input, decided),
    commits: commitsOf(input),
    digest: {
      live: live.digest ?? null,
      pinned: digest ?? null,
      registry: artifacts.find(service, commit)?.digest ?? null,
    },
    transfer: transferOf(input),
    time: input.history ? estimateTime(input.history, service, environment, runtime.host) : noTime,
    hidden: decided.interrupts ? [...live.hidden] : [],
    secrets: secretsOf(pin, live),
    gates: runtime.kind === "compose" ? (runtime.gates ?? []).map(gateText) : [],
    storage: storageOf(pin, live),
    approval: input.approval,
    excludedTargets: [...(consumer.supervised?.excludedTargets ?? [])],
    rollback: {
      command: `npx unidesk pin rollback ${service} --env ${environment}`,
      commit: previous ?? null,
      imageOnTarget: onTarget(live, previous),
      imageInRegistry: inRegistry(artifacts, service, previous),
    },
    changes: [...changes],
  };
}

/** Of a service whose pin was taken out: Terraform forgets it, and nothing else happens. */
export function reviewForgotten(
  { service, environment, consumer }: Pick<Pin, "service" | "environment" | "consumer">,
  stack: string,
  repository: string,
  changes: readonly ResourceChange[],
): ServiceReview {
  const { runtime, supervised } = consumer;
  return {
    ...{ service, environment, stack, host: runtime.host, runtime: runtime.kind },
    targets: targetsOf({ consumer }),
    action: "forget",
    reason: "its pin was taken out: what runs keeps running; npx unidesk retire is the only stop",
    interrupts: false,
    blockers: [],
    commits: {
      ...{ repository, live: null, pinned: null, relation: "unknown", ahead: null, behind: null },
      ...{ releaseLines: null, log: [], moreCommits: 0, note: null },
    },
    digest: { live: null, pinned: null, registry: null },
    transfer: { bytes: 0, diskBytes: 0, missingLayers: 0, layers: null, exact: true },
    time: noTime,
    ...{ hidden: [], secrets: [], gates: [], storage: null },
    approval: { state: "not-needed", detail: null, command: null },
    excludedTargets: [...(supervised?.excludedTargets ?? [])],
    rollback: {
      command: `put the pin back: npx unidesk pin set ${service} --env ${environment} --commit <commit>`,
      ...{ commit: null, imageOnTarget: null, imageInRegistry: null },
    },
    changes: [...changes],
  };
}

/** What preflight, gates and review would say no to. What is unknown blocks nothing. */
function blockersOf(input: ServiceInput, { action, interrupts }: Decision): string[] {
  if (action === "refused") return [];
  if (action === "none") return input.preflight ? artifactBlockers(input) : [];
  // What a deployment would refuse to make anew; where it makes nothing anew, nothing is refused.
  return [...artifactBlockers(input), ...ownBlockers(input), ...(interrupts ? input.live.refusals : [])];
}

/** As the preflight has it: while the registry answers, an image that is on the target makes up for no manifest. */
function artifactBlockers({ pin, artifacts }: ServiceInput): string[] {
  const { service, commit, digest } = pin;
  const artifact = artifacts.find(service, commit);
  if (artifact === undefined) return [];
  if (artifact === null) {
    return [`the registry has no manifest of it: npx unidesk artifact publish --service ${service} --commit ${commit}`];
  }
  const wanted = { service, repository: repositoryName(service), commit, ...(digest ? { digest } : {}) };
  return judgeArtifact(wanted, artifact, "d601").reasons.map(
    ({ what, expected, found }) => `${what}: expected ${expected}, found ${found}`,
  );
}

/** What its own steps and the release lines would say. */
function ownBlockers({ pin, live, source }: ServiceInput): string[] {
  const blockers: string[] = [];
  for (const { key, present } of secretsOf(pin, live)) {
    if (present === false) blockers.push(`the controlled env file has no ${key}`);
  }
  if (source?.state === "known" && source.releaseLines.length === 0) {
    blockers.push("no allowed release line reaches the commit");
  } else if (source?.state === "unknown" && !source.unseen) {
    blockers.push("the source repository on d601 does not have the commit");
  }
  return blockers;
}

/** A delivery that brings another image than the one that runs, of whatever commit, has the container recreated. */
function getsAnotherImage({ pin, live, artifacts }: ServiceInput): boolean {
  if (live.delivered || live.imageId === undefined) return false;
  const artifact = artifacts.find(pin.service, pin.commit);
  if (!artifact) return true;
  const ids: readonly string[] = [artifact.configDigest, artifact.manifestDigest, artifact.digest];
  return !ids.includes(live.imageId);
}

type Decision = Pick<ServiceReview, "action" | "reason" | "interrupts">;

function decide(input: ServiceInput): Decision {
  const { pin, live, planned, changes, history } = input;
  const { planOnly } = pin.consumer;
  if (planOnly) return { action: "refused", reason: `${planOnly.decision}: ${planOnly.reason}`, interrupts: false };
  if (!planned) {
    return { action: "unknown", reason: "its stack could not be planned", interrupts: false };
  }
  const acting = changes.filter(({ action }) => action !== "import" && action !== "forget");
  if (acting.length === 0) {
    const reason =
      changes.length > 0 ? "Terraform's state does not know it yet; the host does not change" : "as declared";
    if (changes.length > 0) return { action: "adopt", reason, interrupts: false };
    return { action: "none", reason: live.seen ? reason : "no change; the host was not looked at", interrupts: false };
  }
  const interrupting = acting.some(interruptsService);
  if (!live.seen) return decideUnseen(pin, acting, interrupting);
  if (live.drift === undefined && !acting.some(changesObject)) {
    const reason = "as declared; Terraform's state does not know it yet, and no step changes anything";
    return { action: "adopt", reason, interrupts: false };
  }
  const interrupts = live.exists && (!live.settled || interrupting || getsAnotherImage(input));
  if (!live.exists && !history) {
    const reason = "nothing of it is there; whether anything ever was is unknown: history unread";
    return { action: "deploy", reason, interrupts: false };
  }
  const known = history?.some((entry) => isEntryOf(placeOf(pin), entry) && entry.result === "deployed");
  if (!live.exists && !known) return { action: "first-deploy", reason: "first deploy", interrupts: false };
  if (live.drift === undefined) return { action: "deploy", reason: "its objects are not as declared", interrupts };
  if (movesPin(pin, acting) && live.commit !== pin.commit) {
    const from = live.commit ? shortCommit(live.commit) : live.exists ? "an unknown commit" : "nothing";
    return {
      action: "deploy",
      reason: `pin changed: ${from} is live, ${shortCommit(pin.commit)} is pinned`,
      interrupts,
    };
  }
  if (
    movesDigest(pin, acting) &&
    live.commit === pin.commit &&
    live.digest !== undefined &&
    live.digest !== pin.digest
  ) {
    return { action: "deploy", reason: `pin changed: another image of ${shortCommit(pin.commit)}`, interrupts };
  }
  return { action: "repair", reason: `drift: ${live.drift}`, interrupts };
}

/** Nobody looked: the state alone says what was there. */
function decideUnseen(pin: Pin, acting: readonly ResourceChange[], interrupts: boolean): Decision {
  const known = acting.some(({ fields }) => fields.some(({ before }) => before !== null));
  if (!known) return { action: "first-deploy", reason: "first deploy, as Terraform's state has it", interrupts: false };
  if (movesPin(pin, acting)) return { action: "deploy", reason: "pin changed", interrupts: true };
  return { action: "repair", reason: "its steps run again; the host was not looked at", interrupts };
}

function movesPin({ commit }: Pin, changes: readonly ResourceChange[]): boolean {
  return changes.some(({ fields }) =>
    fields.some(({ path, before, after }) => {
      if (path === "triggers.commit") return after === commit && before !== commit;
      return path.endsWith(".image") && (after?.endsWith(`:${commit}`) ?? false);
    }),
  );
}

function movesDigest({ digest }: Pin, changes: readonly ResourceChange[]): boolean {
  return changes.some(({ fields }) => fields.some(({ path, after }) => path === "triggers.digest" && after === digest));
}

/** Fields that tell Terraform how to work, and nothing of the object. */
const terraformsOwn = /^(wait_for_|timeouts\.)/;

/**
 * Changes an object that lives outside Terraform, whatever was observed. A step changes what it does not find as declared,
 * and nothing else; a pulled image changes nothing that runs.
 */
function changesObject({ address, action, fields }: ResourceChange): boolean {
  if (address.startsWith("null_resource.") || address.startsWith("docker_image.")) return false;
  return action !== "update" || fields.some(({ path }) => !terraformsOwn.test(path));
}

/**
 * A change below a Deployment's pod template replaces its pods, one of its replicas starts or ends some; a Service that is
 * made anew is away until it is there.
 */
function interruptsService({ address, action, fields }: ResourceChange): boolean {
  if (address.startsWith("kubernetes_service.")) return action === "replace" || action === "delete";
  if (!address.startsWith("kubernetes_deployment.")) return false;
  return action !== "update" || fields.some(({ path }) => /^spec\.0\.(template|replicas|selector|strategy)/.test(path));
}

function commitsOf({ pin, repository, live, source }: ServiceInput): ServiceReview["commits"] {
  const known = source?.state === "known" ? source : undefined;
  const same = live.commit === pin.commit;
  const first = live.seen && !live.exists;
  return {
    repository,
    live: live.commit ?? null,
    pinned: pin.commit,
    relation: same ? "same" : first ? "first" : (known?.relation ?? "unknown"),
    ahead: same ? 0 : known?.relation ? known.ahead : null,
    behind: same ? 0 : known?.relation ? known.behind : null,
    releaseLines: known ? [...known.releaseLines] : null,
    log: (known?.log ?? []).map((entry) => ({ ...entry, paths: [...entry.paths] })),
    moreCommits: known?.moreCommits ?? 0,
    note: pin.rollback ?? null,
  };
}

function transferOf({ pin, live, artifacts }: ServiceInput): ServiceReview["transfer"] {
  const found = artifacts.transfers.get(pinName(pin));
  if (found) return found;
  // What its host already has needs nothing.
  const nothing = live.delivered || pin.consumer.planOnly !== undefined;
  const none = nothing ? 0 : null;
  return { bytes: none, diskBytes: none, missingLayers: none, layers: null, exact: true };
}

function secretsOf({ consumer: { runtime } }: Pin, { secrets }: Live): ServiceReview["secrets"] {
  const keys = runtime.kind === "compose" ? (runtime.secrets ?? []) : [];
  return keys.map((key) => ({ key, present: secrets ? (secrets[key] ?? 0) > 0 : null }));
}

function gateText(gate: GateSpec): string {
  const keys = gate.keys.join(", ");
  return gate.verdict === "all-true"
    ? `GET ${gate.path}: ${gate.under}.{${keys}} all true`
    : `GET ${gate.path}: without ${keys}`;
}

/** Of a Compose service the Compose file on its host declares it, so that what its container has is what can be seen. */
function storageOf({ consumer: { runtime } }: Pin, { mounts }: Live): ServiceReview["storage"] {
  if (runtime.kind === "compose") return mounts ? [...mounts] : null;
  return runtime.workloads.flatMap(({ volumes = [] }) => volumes.map(volumeText));
}

function volumeText({ name, mountPath, source }: K3sVolume): string {
  const of = source.kind === "EmptyDir" ? "EmptyDir" : `${source.kind} ${source.name}`;
  return `${name} at ${mountPath} (${of})`;
}

function targetsOf({ consumer }: Pick<Pin, "consumer">): string[] {
  const { runtime } = consumer;
  if (runtime.kind === "compose") return [runtime.container];
  return runtime.workloads.map(({ name }) => `${runtime.namespace}/${name}`);
}

function placeOf({ service, environment, consumer }: Pin) {
  return { service, environment, host: consumer.runtime.host };
}

/** Only the images of pins and receipts were asked for: one that was not found may be there. */
function onTarget(live: Live, commit: string | undefined): boolean | null {
  if (commit === undefined || !live.seen) return null;
  return live.images.has(commit) || null;
}

function inRegistry(artifacts: ArtifactLook, service: string, commit: string | undefined): boolean | null {
  const found = commit === undefined ? undefined : artifacts.find(service, commit);
  return found === undefined ? null : found !== null;
}

const applying = new Set<ServiceReview["action"]>(["first-deploy", "deploy", "repair", "unknown"]);

/** Where `pin rollback` of this pin goes back to, `applied` or as things are now. */
export function rollbackCommit(
  pin: Pin,
  history: readonly PlacedEntry[],
  when: "now" | "applied" = "applied",
): Commit | undefined {
  return pin.consumer.planOnly ? undefined : previousHealthy(history, placeOf(pin), pin.commit, when)?.commit;
}
