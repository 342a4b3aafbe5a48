import type { Consumer } from "../catalog/index.ts";
import { type BuildArtifact, repositoryName } from "../config/ci-file.ts";
import type { Pin } from "../config/deploy-file.ts";
import { type Commit, type Digest, type Environment, shortCommit } from "../config/values.ts";
import type { HealthyDeployment } from "../history/previous.ts";
import type { Artifact } from "../registry/client.ts";
import { fetchRemedy, letFetch } from "../source/fetch.ts";
import type { CommitFacts } from "../source/read.ts";
import { judgeArtifact } from "../verdicts/artifact.ts";
import { judgePinSource } from "../verdicts/pin.ts";
import { type Reason, renderReasons } from "../verdicts/verdict.ts";
import type { PinChange } from "./edit.ts";

/** A service that a pin is asked for. */
export interface PinTarget {
  readonly service: string;
  readonly environment: Environment;
  readonly consumer: Consumer;
  readonly build: BuildArtifact;
  /** The pin that is there. */
  readonly current: Pin | undefined;
}

/** One pin as `pin set` and `pin rollback` report it; the fields are a contract. */
export interface PlannedPin {
  readonly service: string;
  readonly environment: Environment;
  readonly commit: Commit;
  readonly digest: Digest;
  /** Where the digest was read: the registry, or the history on the host while the registry is not reachable. */
  readonly digestSource: "registry" | "history";
  readonly rollback: string | null;
  readonly previousCommit: Commit | null;
  readonly previousDigest: Digest | null;
  /** False where the file has this very pin already. */
  readonly changed: boolean;
  /** From the previous pin to this one; "unknown" where the source repository does not say, null without a previous pin. */
  readonly relation: "same" | "forward" | "backward" | "diverged" | "unknown" | null;
  /** Commits that come in, and that go out. */
  readonly ahead: number;
  readonly behind: number;
  readonly notes: readonly string[];
}

/** Why one service cannot be pinned. */
export interface PinRefusal {
  readonly service: string;
  readonly text: string;
  readonly remedy?: string | undefined;
  /** Nobody said no: something that has to answer could not be asked. */
  readonly blocked: boolean;
}

/** A service that was meant by --all and is not concerned. */
export interface LeftOut {
  readonly service: string;
  readonly reason: string;
}

export type PinDecision =
  | { readonly pin: PlannedPin }
  | { readonly refusal: PinRefusal }
  | { readonly leftOut: LeftOut };

export interface SetFacts {
  readonly artifact: Artifact | undefined;
  readonly source: CommitFacts;
  /** One of many: a commit of another repository leaves it out. */
  readonly all: boolean;
}

interface SetPlaces {
  readonly releaseLines: readonly string[];
  /** The registry as reasons name it. */
  readonly registry: string;
  /** Path on D601 of each source repository's clone. */
  readonly clones: Readonly<Record<string, string>>;
}

/** Whether a service may be pinned to a commit, and as what. */
export function decideSet(
  target: PinTarget,
  commit: Commit,
  { artifact, source, all }: SetFacts,
  site: SetPlaces,
): PinDecision {
  const { service, current, build } = target;
  const clone = site.clones[build.sourceRepo];
  const { reasons } = judgePinSource(build.sourceRepo, source, site.releaseLines);
  if (source.unseen) {
    return refused(
      target,
      reasons,
      "restore the way to d601 and the repository's clone there: npx unidesk doctor",
      true,
    );
  }
  if (all && source.state === "unknown") {
    return { leftOut: { service, reason: `${build.sourceRepo} has no such commit` } };
  }
  if (source.state === "unknown") return refused(target, reasons, fetchRemedy(clone));
  if (reasons.length > 0) {
    const merge = "merge it into a release line, and pin that commit";
    return refused(target, reasons, `${merge}; where it is merged, ${letFetch(clone)}`);
  }
  const artifactRefusal = refuseArtifact(
    target,
    commit,
    artifact,
    current?.commit === commit ? current.digest : undefined,
    site,
  );
  if (artifactRefusal || !artifact) return artifactRefusal ?? refused(target, []);
  return { pin: plannedPin(target, { commit, digest: artifact.digest, digestSource: "registry" }, source) };
}

export interface RollbackFacts {
  /** Undefined where the history has no earlier healthy commit. */
  readonly previous: HealthyDeployment | undefined;
  /** There are older entries than those that were read. @default false */
  readonly cut?: boolean;
  /** What the registry has; "unreachable" where it gave no answer. */
  readonly artifact: Artifact | "unreachable" | undefined;
  /** Of the previous commit, compared with the pinned one; the repository need not be seen. */
  readonly source: CommitFacts | undefined;
  /** @default - names the commit that is left */
  readonly reason: string | undefined;
  /** One of many: a service without an earlier commit is left out. */
  readonly all: boolean;
}

/** The pin that goes back to the previous healthy commit, as far as registry and history prove its digest. */
export function decideRollback(
  target: PinTarget & { readonly current: Pin },
  { previous, cut, artifact, source, reason, all }: RollbackFacts,
  site: { readonly releaseLines: readonly string[]; readonly registry: string },
): PinDecision {
  const { service, environment, current, consumer } = target;
  const never = consumer.planOnly ? `it is ${consumer.planOnly.decision} and never deployed` : undefined;
  if (never || !previous) {
    const read = cut ? "what is read of the history" : "the history";
    const why = never ?? `${read} has no healthy commit before ${shortCommit(current.commit)}`;
    if (all) return { leftOut: { service, reason: why } };
    const remedy = `npx unidesk pin set ${service} --env ${environment} --commit <commit>`;
    return { refusal: { service, text: `${service}: nothing to roll back to: ${why}`, remedy, blocked: false } };
  }
  const { commit, digest: recorded } = previous;
  const facts = source ?? unseen;
  const notes = reasonsAsNotes(judgePinSource(target.build.sourceRepo, facts, site.releaseLines).reasons);
  const rollback = reason ?? `rolls back from ${current.commit}`;
  if (artifact === "unreachable") {
    if (!recorded) {
      const text = `${service}: the registry is not reachable, and the history has no digest of ${commit}`;
      return { refusal: { service, text, remedy: "restore the registry: npx unidesk registry health", blocked: true } };
    }
    const note = "the registry is not reachable: the digest is the one that was deployed then, as the history says";
    const wanted = { commit, digest: recorded, digestSource: "history", rollback } as const;
    return { pin: plannedPin(target, wanted, facts, [note, ...notes]) };
  }
  const refusal = refuseArtifact(target, commit, artifact, recorded, site);
  if (refusal || !artifact) return refusal ?? refused(target, []);
  const wanted = { commit, digest: artifact.digest, digestSource: "registry", rollback } as const;
  return { pin: plannedPin(target, wanted, facts, notes) };
}

const unseen: CommitFacts = {
  ...{ state: "unknown", unseen: true, pushed: false, releaseLines: [] },
  ...{ ahead: 0, behind: 0, log: [], moreCommits: 0 },
};

/** The entry that a planned pin becomes in the file. */
export function changeOf({ service, environment, commit, digest, rollback }: PlannedPin): PinChange {
  return { service, environment, entry: { commit, digest, ...(rollback === null ? {} : { rollback }) } };
}

function refuseArtifact(
  target: PinTarget,
  commit: Commit,
  artifact: Artifact | undefined,
  digest: Digest | undefined,
  { registry }: { readonly registry: string },
): PinDecision | undefined {
  const { service, current } = target;
  const named = { service, repository: repositoryName(service), commit };
  const verdict = judgeArtifact({ ...named, ...(digest ? { digest } : {}) }, artifact, registry);
  if (verdict.ok) return undefined;
  if (!artifact) {
    return refused(target, verdict.reasons, `npx unidesk artifact publish --service ${service} --commit ${commit}`);
  }
  // Where the labels are right, the digest is wrong on one of two sides: a commit that was edited by hand keeps the old one's.
  const digestOnly = current?.commit === commit && judgeArtifact(named, artifact, registry).ok;
  const remedy = digestOnly
    ? `if the digest in deploy.json is another commit's (npx unidesk artifact show ${service} ${digest}), take it out and run this again; else find out who pushed the tag, and publish and pin a new commit`
    : "find out who pushed it; publish and pin a new commit";
  return refused(target, verdict.reasons, remedy);
}

function refused({ service }: PinTarget, reasons: readonly Reason[], remedy?: string, blocked = false): PinDecision {
  return { refusal: { service, text: renderReasons(service, reasons), remedy, blocked } };
}

function reasonsAsNotes(reasons: readonly Reason[]): string[] {
  return reasons.map(({ what, expected, found }) => `${what}: expected ${expected}, found ${found}`);
}

type WantedPin = Pick<PlannedPin, "commit" | "digest" | "digestSource"> & { readonly rollback?: string };

function plannedPin(
  { service, environment, consumer, current }: PinTarget,
  { commit, digest, digestSource, rollback }: WantedPin,
  source: CommitFacts,
  notes: readonly string[] = [],
): PlannedPin {
  const changed = current?.commit !== commit || current.digest !== digest || current.rollback !== rollback;
  const { planOnly, supervised } = consumer;
  const relation = current ? (current.commit === commit ? "same" : (source.relation ?? "unknown")) : null;
  return {
    ...{ service, environment, commit, digest, digestSource },
    rollback: rollback ?? null,
    previousCommit: current?.commit ?? null,
    previousDigest: current?.digest ?? null,
    changed,
    relation,
    ahead: source.ahead,
    behind: source.behind,
    notes: [
      ...notes,
      ...(planOnly ? [`${planOnly.decision}: ${planOnly.reason}; the pin is planned, never applied`] : []),
      ...(supervised && !planOnly ? ["supervised: a person approves this commit before it is applied"] : []),
      ...(relation === "backward" && rollback === undefined
        ? ["goes backward and does not say why: npx unidesk pin rollback does"]
        : []),
      ...(relation === "diverged"
        ? ["leaves commits of the previous pin behind: neither is an ancestor of the other"]
        : []),
    ],
  };
}
