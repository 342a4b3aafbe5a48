import { describe, expect, test } from "vitest";
import { type Consumer, findService, isConsumer } from "../../lib/catalog/index.ts";
import { Commit, Digest } from "../../lib/config/values.ts";
import { imageLabels } from "../../lib/labels.ts";
import {
  changeOf,
  decideRollback,
  decideSet,
  type PinTarget,
  type RollbackFacts,
  type SetFacts,
} from "../../lib/pins/plan.ts";
import type { Artifact } from "../../lib/registry/client.ts";
import type { CommitFacts } from "../../lib/source/read.ts";
import { buildEntry, commitA, commitB, digestA, digestB } from "../support.ts";

const site = {
  releaseLines: ["master"],
  registry: "d601 127.0.0.1:5000",
  clones: { [buildEntry("frontend").sourceRepo]: "/srv/git" },
};
const [older, newer] = [Commit.parse(commitA), Commit.parse(commitB)];
const [olderDigest, newerDigest] = [Digest.parse(digestA), Digest.parse(digestB)];

const consumerOf = (service: string): Consumer => {
  const consumer = findService(service)?.consumers.prod;
  if (!isConsumer(consumer)) throw new Error(`${service} is no consumer`);
  return consumer;
};
function targetOf(service = "frontend", pin: object = {}) {
  const consumer = consumerOf(service);
  const current = { service, environment: "prod", commit: older, digest: olderDigest, consumer, ...pin } as const;
  return { service, environment: "prod", consumer, build: buildEntry(service), current } satisfies PinTarget;
}
const artifact = (commit = commitB, digest = newerDigest, service = "frontend"): Artifact => ({
  ...{
    digest,
    configDigest: digest,
    manifestDigest: digest,
    layers: [],
    diffIds: [],
    metadata: [],
    created: undefined,
  },
  labels: { [imageLabels.revision]: commit, [imageLabels.service]: service },
});
const source = (changes: Partial<CommitFacts> = {}): CommitFacts => ({
  ...{ state: "known", pushed: true, releaseLines: ["master"], relation: "forward" },
  ...{ ahead: 2, behind: 0, log: [], moreCommits: 0 },
  ...changes,
});

describe("decideSet", () => {
  const decide = (facts: Partial<SetFacts> = {}, target: PinTarget = targetOf(), commit = newer) =>
    decideSet(target, commit, { artifact: artifact(), source: source(), all: false, ...facts }, site);

  test("a published commit of a release line, with its digest", () => {
    const decision = decide();
    expect(decision).toEqual({
      pin: {
        ...{ service: "frontend", environment: "prod", commit: newer, digest: newerDigest, digestSource: "registry" },
        ...{ rollback: null, previousCommit: older, previousDigest: olderDigest, changed: true },
        ...{ relation: "forward", ahead: 2, behind: 0, notes: [] },
      },
    });
    if ("pin" in decision) expect(changeOf(decision.pin).entry).toEqual({ commit: newer, digest: newerDigest });
  });

  test("the same pin changes nothing, but a reason to go back is taken out", () => {
    const facts = { artifact: artifact(commitA, olderDigest), source: source({ relation: "same" }) };
    expect(decide(facts, targetOf(), older)).toMatchObject({ pin: { changed: false, relation: "same" } });
    expect(decide(facts, targetOf("frontend", { rollback: "why" }), older)).toMatchObject({ pin: { changed: true } });
    expect(decide(facts, targetOf("frontend", { digest: undefined }), older)).toMatchObject({ pin: { changed: true } });
  });

  test("notes say what a pin does not mean", () => {
    const notes = (service: string, facts: Partial<CommitFacts> = {}) =>
      decide({ artifact: artifact(commitB, newerDigest, service), source: source(facts) }, targetOf(service));
    expect(notes("k3sctl-adapter")).toMatchObject({
      pin: { notes: [expect.stringMatching(/^plan-only: .* never applied$/)] },
    });
    expect(notes("met-nonlinear")).toMatchObject({ pin: { notes: [expect.stringMatching(/^blocked: /)] } });
    expect(notes("code-queue-mgr")).toMatchObject({ pin: { notes: [expect.stringMatching(/^supervised: /)] } });
    expect(notes("frontend", { relation: "backward" })).toMatchObject({
      pin: { notes: [expect.stringContaining("backward")] },
    });
    expect(notes("frontend", { relation: "diverged" })).toMatchObject({
      pin: { notes: [expect.stringContaining("behind")] },
    });
  });

  test.each<[string, Partial<SetFacts>, string, string]>([
    [
      "the registry has no manifest",
      { artifact: undefined },
      "found none",
      `npx unidesk artifact publish --service frontend --commit ${commitB}`,
    ],
    [
      "the image is another service's",
      { artifact: artifact(commitB, newerDigest, "mdtodo") },
      "found mdtodo",
      "find out who pushed it",
    ],
    ["the image is of another commit", { artifact: artifact(commitA) }, `found ${commitA}`, "find out who pushed it"],
    [
      "no release line reaches the commit",
      { source: source({ releaseLines: [] }) },
      "other branches or tags only",
      "where it is merged, let d601's clone fetch it: git -C /srv/git fetch --prune",
    ],
    [
      "nobody pushed the commit",
      { source: source({ releaseLines: [], pushed: false }) },
      "not pushed",
      "git -C /srv/git fetch --prune",
    ],
    [
      "the repository has no such commit",
      { source: source({ state: "unknown", releaseLines: [] }) },
      "no such commit",
      "push it to the source repository; where it is pushed, let d601's clone fetch it: git -C /srv/git fetch --prune",
    ],
  ])("fails if %s", (_, facts, text, remedy) => {
    expect(decide(facts)).toMatchObject({
      refusal: { blocked: false, text: expect.stringContaining(text), remedy: expect.stringContaining(remedy) },
    });
  });

  test("fails if a tag of the pinned commit has got another image", () => {
    const refusal = decide({ artifact: artifact(commitA, newerDigest) }, targetOf(), older);
    expect(refusal).toMatchObject({
      refusal: { text: expect.stringContaining(`manifest digest: expected ${olderDigest}`) },
    });
    expect(decide({ artifact: artifact(commitB, newerDigest) }, targetOf(), older)).toMatchObject({
      refusal: { remedy: "find out who pushed it; publish and pin a new commit" },
    });
  });

  test("fails if the digest of an edited pin is somebody's who pushed: it may be the old commit's", () => {
    const refusal = decide({ artifact: artifact(commitA, newerDigest) }, targetOf(), older);
    expect(refusal).toMatchObject({
      refusal: {
        text: expect.stringContaining(`manifest digest: expected ${olderDigest}, found ${newerDigest}`),
        remedy: expect.stringMatching(
          new RegExp(`npx unidesk artifact show frontend ${olderDigest}\\), take it out and run this again; else`),
        ),
      },
    });
  });

  test("fails if a repository that cannot be seen is guessed about, also with --all", () => {
    const facts = { source: source({ state: "unknown", unseen: true, releaseLines: [] }) };
    expect(decide(facts)).toMatchObject({ refusal: { blocked: true } });
    expect(decide({ ...facts, all: true })).toMatchObject({ refusal: { blocked: true } });
  });

  test("--all leaves out what is of another repository, and nothing else", () => {
    const unknown = source({ state: "unknown", releaseLines: [] });
    expect(decide({ source: unknown, all: true })).toMatchObject({ leftOut: { service: "frontend" } });
    expect(decide({ artifact: undefined, all: true })).toMatchObject({ refusal: { blocked: false } });
  });
});

describe("decideRollback", () => {
  const previous = { commit: newer, digest: newerDigest, finishedAt: "2026-01-01T00:00:00Z" };
  const back = source({ relation: "backward", ahead: 0, behind: 3 });
  const decide = (facts: Partial<RollbackFacts> = {}, target = targetOf()) =>
    decideRollback(
      target,
      { previous, artifact: artifact(), source: back, reason: undefined, all: false, ...facts },
      site,
    );

  test("the previous commit, with what it rolls back from", () => {
    expect(decide()).toMatchObject({
      pin: {
        commit: newer,
        digest: newerDigest,
        digestSource: "registry",
        rollback: `rolls back from ${older}`,
        notes: [],
      },
    });
    expect(decide({ reason: "it lost orders" })).toMatchObject({ pin: { rollback: "it lost orders", changed: true } });
  });

  test("without the registry the history's digest does", () => {
    expect(decide({ artifact: "unreachable" })).toMatchObject({
      pin: { digest: newerDigest, digestSource: "history", notes: [expect.stringContaining("not reachable")] },
    });
  });

  test("a repository that cannot be seen is said, and does not stop it", () => {
    const notes = [expect.stringContaining("source repository")];
    expect(decide({ source: undefined })).toMatchObject({ pin: { relation: "unknown", notes } });
  });

  test.each<[string, Partial<RollbackFacts>, boolean, string]>([
    ["the history has no earlier healthy commit", { previous: undefined }, false, "no healthy commit before"],
    ["what was read of it has none", { previous: undefined, cut: true }, false, "what is read of the history has no"],
    [
      "neither registry nor history has the digest",
      { artifact: "unreachable", previous: { ...previous, digest: undefined } },
      true,
      "no digest",
    ],
    ["the registry lost the manifest", { artifact: undefined }, false, "found none"],
    ["the tag is not what was deployed then", { artifact: artifact(commitB, olderDigest) }, false, "manifest digest"],
  ])("fails if %s", (_, facts, blocked, text) => {
    expect(decide(facts)).toMatchObject({ refusal: { blocked, text: expect.stringContaining(text) } });
  });

  test("fails if what is never deployed is rolled back", () => {
    expect(decide({}, targetOf("k3sctl-adapter"))).toMatchObject({
      refusal: { text: expect.stringContaining("plan-only") },
    });
    expect(decide({ all: true }, targetOf("met-nonlinear"))).toMatchObject({ leftOut: { service: "met-nonlinear" } });
  });
});
