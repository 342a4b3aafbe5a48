import { describe, expect, test } from "vitest";
import type { Pin } from "../../lib/config/deploy-file.ts";
import { loadPins } from "../../lib/config/site.ts";
import { Commit, Digest } from "../../lib/config/values.ts";
import type { PlacedEntry } from "../../lib/history/collect.ts";
import type { Artifact } from "../../lib/registry/client.ts";
import { noArtifacts } from "../../lib/review/artifacts.ts";
import type { Live } from "../../lib/review/live.ts";
import { type ResourceChange, ServiceReview } from "../../lib/review/report.ts";
import { reviewService, type ServiceInput } from "../../lib/review/service.ts";
import type { CommitFacts } from "../../lib/source/read.ts";
import { commitA, commitB, digestA, digestB, siteOf, siteOfPins } from "../support.ts";

const a = Commit.parse(commitA);
const b = Commit.parse(commitB);
const [frontend] = loadPins(siteOf({}, { commit: commitA })) as [Pin];
const [mdtodo] = loadPins(siteOfPins({ prod: { mdtodo: { commit: commitA } } })) as [Pin];
const [blocked] = loadPins(siteOfPins({ prod: { "met-nonlinear": { commit: commitA } } })) as [Pin];
const [netdisk] = loadPins(siteOfPins({ prod: { "baidu-netdisk": { commit: commitA } } })) as [Pin];

const asPinned: Live = {
  ...{
    seen: true,
    exists: true,
    settled: true,
    delivered: true,
    images: new Set([commitA, commitB]),
    hidden: [],
    refusals: [],
  },
  ...{ commit: a, digest: Digest.parse(digestA), imageId: digestB, drift: undefined, secrets: undefined, mounts: [] },
};
const older: Live = { ...asPinned, commit: b, drift: "live commit b2b2b2b, pinned a1a1a1a", settled: false };
const gone: Live = { ...asPinned, exists: false, commit: undefined, settled: false, drift: "container missing" };
const unseen: Live = { ...gone, seen: false, drift: undefined, delivered: false, images: new Set() };

function run(address: string, fields: ResourceChange["fields"] = [], action: ResourceChange["action"] = "run") {
  return { address, action, meaning: "", fields };
}
const moved = [
  run("null_resource.frontend-deployment", [{ path: "triggers.commit", before: commitB, after: commitA }]),
];
const again = [run("null_resource.frontend-deployment", [{ path: "triggers.repair", before: "", after: "2: x" }])];

function entry(changes: Partial<PlacedEntry> = {}): PlacedEntry {
  return {
    ...{ id: "1", service: "frontend", stack: "unidesk-prod-main-server", commit: a, result: "deployed" as const },
    ...{ startedAt: "2026-01-01T00:00:00Z", finishedAt: "2026-01-01T00:00:04Z", operator: "ann", fingerprint: "0" },
    host: "main-server",
    ...changes,
  };
}

function reviewed(changes: Partial<ServiceInput>): ServiceReview {
  const report = reviewService({
    ...{
      pin: frontend,
      repository: "https://example.org/x",
      live: asPinned,
      planned: true,
      preflight: false,
      changes: [],
      source: undefined,
    },
    ...{ artifacts: noArtifacts, history: [] },
    approval: { state: "not-needed", detail: null, command: null },
    ...changes,
  });
  // What is made is what the schema says.
  return ServiceReview.parse(report);
}

const artifact: Artifact = {
  ...{ digest: digestA as Digest, configDigest: digestB as Digest, manifestDigest: digestA as Digest },
  ...{ layers: [], diffIds: [], metadata: [], created: undefined },
  labels: { "org.opencontainers.image.revision": commitA, "dev.unidesk.service": "frontend" },
};
const registry = (found: Artifact | null) => ({ ...noArtifacts, find: () => found });

describe("the action", () => {
  test.each<[string, Partial<ServiceInput>, Partial<ServiceReview>]>([
    ["nothing where nothing changes", {}, { action: "none", reason: "as declared", interrupts: false }],
    ["a deploy where the pin moved", { live: older, changes: moved }, { action: "deploy", interrupts: true }],
    [
      "a repair where somebody else moved the host",
      { live: older, changes: again },
      { action: "repair", reason: "drift: live commit b2b2b2b, pinned a1a1a1a", interrupts: true },
    ],
    ["a first deploy where nothing is and nothing was", { live: gone, changes: moved }, { action: "first-deploy" }],
    [
      "a repair where something was",
      { live: gone, changes: again, history: [entry()] },
      { action: "repair", reason: "drift: container missing", interrupts: false },
    ],
    ["an adoption where the host is as pinned", { changes: moved }, { action: "adopt", interrupts: false }],
    [
      "a repair that interrupts nobody where the image alone is gone",
      {
        live: { ...asPinned, delivered: false, drift: "image missing" },
        changes: again,
        artifacts: registry(artifact),
      },
      { action: "repair", interrupts: false },
    ],
    [
      "a repair that interrupts where the registry's image of the commit is another one than the one that runs",
      {
        live: { ...asPinned, delivered: false, drift: "delivered by another digest", imageId: "sha256:other" },
        ...{ changes: again, artifacts: registry(artifact) },
      },
      { action: "repair", interrupts: true },
    ],
    [
      "a repair that may interrupt where nobody knows which image the registry has",
      { live: { ...asPinned, delivered: false, drift: "image missing" }, changes: again },
      { action: "repair", interrupts: true },
    ],
    [
      "an adoption where objects are only imported",
      { pin: mdtodo, changes: [run("kubernetes_service.mdtodo", [], "import")] },
      { action: "adopt", interrupts: false },
    ],
    [
      "a deploy of which nobody knows whether it is the first, where the history was not read",
      { live: gone, changes: moved, history: undefined },
      { action: "deploy", reason: expect.stringContaining("history unread"), interrupts: false },
    ],
    [
      "unknown where its stack could not be planned",
      { live: older, planned: false },
      { action: "unknown", reason: "its stack could not be planned", interrupts: false },
    ],
    ["refused where it is never applied", { pin: blocked, live: unseen, changes: moved }, { action: "refused" }],
    [
      "what the state says where nobody looked",
      { live: unseen, changes: moved },
      { action: "deploy", interrupts: true },
    ],
  ])("is %s", (_, input, expected) => {
    expect(reviewed(input)).toMatchObject(expected);
  });

  test("a changed pod template replaces pods, changed waiting does not", () => {
    const change = (path: string) => run("kubernetes_deployment.mdtodo", [{ path, before: "1", after: "2" }], "update");
    const template = change("spec.0.template.0.spec.0.container.0.env.0.value");
    expect(reviewed({ pin: mdtodo, changes: [template] })).toMatchObject({ action: "deploy", interrupts: true });
    for (const path of ["wait_for_rollout", "timeouts.create"]) {
      expect(reviewed({ pin: mdtodo, changes: [change(path)] })).toMatchObject({ action: "adopt" });
    }
  });

  test.each<[string, ResourceChange["action"], string, boolean]>([
    ["kubernetes_service.mdtodo", "update", "spec.0.port.0.port", false],
    ["kubernetes_service.mdtodo", "replace", "metadata.0.name", true],
    ["kubernetes_deployment.mdtodo", "update", "metadata.0.annotations.note", false],
    ["kubernetes_secret.mdtodo", "create", "metadata.0.name", false],
  ])("fails if %s with an %s is taken for an adoption", (address, action, path, interrupts) => {
    const changes = [run(address, [{ path, before: "1", after: "2" }], action), run("null_resource.mdtodo-rollout")];
    const drift = "not healthy";
    expect(reviewed({ pin: mdtodo, changes })).toMatchObject({ action: "deploy", interrupts });
    expect(reviewed({ pin: mdtodo, changes, live: { ...asPinned, drift } })).toMatchObject({ action: "repair" });
  });

  test("a sync of .auth that has the pods roll is a repair that interrupts", () => {
    const live = { ...asPinned, drift: "auth of main-server changed", settled: false };
    expect(reviewed({ pin: mdtodo, live, changes: [run("null_resource.mdtodo-auth-sync")] })).toMatchObject({
      ...{ action: "repair", reason: "drift: auth of main-server changed", interrupts: true },
    });
  });
});

const source: CommitFacts = {
  ...{ state: "known", pushed: true, releaseLines: ["master"], relation: "backward", ahead: 0, behind: 2 },
  ...{ log: [], moreCommits: 0 },
};

describe("the commits", () => {
  test("go from what is live to what is pinned", () => {
    const { commits } = reviewed({ live: older, changes: moved, source });
    expect(commits).toMatchObject({ live: commitB, pinned: commitA, relation: "backward", behind: 2 });
  });

  test("are unknown where Git or the host could not be seen", () => {
    expect(reviewed({ live: older, changes: moved }).commits).toMatchObject({
      relation: "unknown",
      releaseLines: null,
    });
    expect(reviewed({ live: unseen, changes: moved }).commits).toMatchObject({ live: null, relation: "unknown" });
  });

  test("begin where nothing runs", () => {
    expect(reviewed({ live: gone, changes: moved, source }).commits.relation).toBe("first");
  });
});

const coming = { live: { ...older, delivered: false }, changes: moved };

describe("blocked", () => {
  test("is nothing that is there and right", () => {
    expect(reviewed({ ...coming, artifacts: registry(artifact), source }).blockers).toEqual([]);
  });

  test.each<[string, Partial<ServiceInput>, RegExp]>([
    ["the registry has no manifest", { artifacts: registry(null) }, /no manifest.*artifact publish --service frontend/],
    [
      "the tag has another digest than the pin",
      { pin: { ...frontend, digest: Digest.parse(digestB) }, artifacts: registry(artifact) },
      /manifest digest/,
    ],
    ["the labels are of another commit", { artifacts: registry({ ...artifact, labels: {} }) }, /revision/],
    ["no release line reaches the commit", { source: { ...source, releaseLines: [] } }, /no allowed release line/],
    ["the repository does not have it", { source: { ...source, state: "unknown" } }, /does not have the commit/],
    [
      "a secret is missing",
      { pin: netdisk, live: { ...older, secrets: { UNIDESK_BAIDU_NETDISK_CLIENT_ID: 3 } } },
      /no UNIDESK_BAIDU_NETDISK_CLIENT_SECRET/,
    ],
  ])("if %s", (_, input, text) => {
    expect(reviewed({ ...coming, ...input }).blockers.join("\n")).toMatch(text);
  });

  test("is nothing that is unknown", () => {
    expect(reviewed({ ...coming, source: { ...source, state: "unknown", unseen: true } }).blockers).toEqual([]);
    // The registry was not reached.
    expect(reviewed({ ...coming, artifacts: noArtifacts }).blockers).toEqual([]);
  });

  test("fails if an image on the target makes up for a manifest that the registry has not: the preflight refuses it", () => {
    const { blockers } = reviewed({ live: older, changes: moved, artifacts: registry(null), source });
    expect(blockers).toEqual([expect.stringContaining("no manifest")]);
  });

  test("fails if a pin that does not change passes, although its stack's preflight would refuse it", () => {
    expect(reviewed({ preflight: true, artifacts: registry(null) })).toMatchObject({
      ...{ action: "none", blockers: [expect.stringContaining("no manifest")] },
    });
    const retagged = { ...artifact, labels: {} };
    expect(reviewed({ preflight: true, artifacts: registry(retagged) }).blockers.join("\n")).toContain("revision");
    for (const artifacts of [registry(artifact), noArtifacts]) {
      expect(reviewed({ preflight: true, artifacts }).blockers).toEqual([]);
    }
  });

  test("is nothing of a pin whose stack does not change, nor what its own steps alone would say", () => {
    expect(reviewed({ artifacts: registry(null) }).blockers).toEqual([]);
    const live = { ...asPinned, secrets: {} };
    expect(reviewed({ pin: netdisk, live, preflight: true }).blockers).toEqual([]);
  });
});

describe("numbers", () => {
  test("fails if a history that was not read counts as one without deployments", () => {
    expect(reviewed({ history: [] }).time.samples).toBe(0);
    expect(reviewed({ history: undefined }).time).toEqual({ seconds: null, downtimeSeconds: null, samples: null });
  });

  test("nothing is transferred where the image is there, unknown where nobody looked", () => {
    expect(reviewed({ live: older, changes: moved }).transfer.bytes).toBe(0);
    expect(reviewed(coming).transfer.bytes).toBeNull();
  });
});

describe("storage", () => {
  const storageOf = (input: Partial<ServiceInput>) => reviewed(input).storage;

  test("of a Compose service is what its container has; fails if what nobody saw is none", () => {
    expect(storageOf({ live: { ...asPinned, mounts: ["cache at /cache (volume)"] } })).toEqual([
      "cache at /cache (volume)",
    ]);
    expect(storageOf({})).toEqual([]);
    expect(storageOf({ live: { ...unseen, mounts: undefined } })).toBeNull();
  });

  test("of a service on k3s is what is declared", () => {
    expect(storageOf({ pin: mdtodo, live: { ...unseen, mounts: undefined } })).toEqual(
      mdtodo.consumer.runtime.kind === "k3s"
        ? mdtodo.consumer.runtime.workloads.flatMap(({ volumes = [] }) =>
            volumes.map(({ name }) => expect.stringContaining(`${name} at `)),
          )
        : undefined,
    );
  });
});

describe("the rollback", () => {
  const c = Commit.parse("c3".repeat(20));
  const ran = (...commits: Commit[]) => commits.map((commit) => entry({ commit })).reverse();
  const rollbackOf = (input: Partial<ServiceInput>) => reviewed({ artifacts: registry(null), ...input }).rollback;

  test("goes to what pin rollback says once the pin is applied", () => {
    const changing = { live: older, changes: moved };
    expect(rollbackOf({ ...changing, history: ran(b) })).toMatchObject({
      ...{ commit: commitB, imageOnTarget: true, imageInRegistry: false },
    });
    // The pin goes back over what is live: a rollback from it goes on, never forward again.
    expect(rollbackOf({ ...changing, history: ran(c, a, b) })).toMatchObject({ commit: c, imageOnTarget: null });
    expect(rollbackOf({ ...changing, history: [entry({ result: "restored" }), ...ran(c, a, b)] }).commit).toBe(c);
  });

  test("goes to what pin rollback says now, where nothing is applied", () => {
    expect(rollbackOf({ history: ran(b, a) }).commit).toBe(commitB);
    expect(rollbackOf({ history: [entry({ result: "restored" }), ...ran(c, a, b)] }).commit).toBe(commitB);
  });

  test("fails if it names what pin rollback would refuse: a live commit without history, one that did not hold", () => {
    expect(rollbackOf({ live: older, changes: moved }).commit).toBeNull();
    expect(rollbackOf({ live: older, changes: moved, history: undefined }).commit).toBeNull();
    const settled = [entry(), entry({ commit: b, result: "restored" }), entry({ commit: b })];
    expect(rollbackOf({ history: settled }).commit).toBeNull();
    expect(rollbackOf({ history: ran(a) }).commit).toBeNull();
    const elsewhere = [entry({ commit: b, host: "d601" })];
    expect(rollbackOf({ history: elsewhere }).commit).toBeNull();
    const held = [entry({ service: "met-nonlinear", stack: "unidesk-prod-d601", host: "d601", commit: b })];
    expect(rollbackOf({ pin: blocked, live: unseen, history: held }).commit).toBeNull();
  });

  test("an image that containerd was not asked for may be there", () => {
    const history = [entry({ service: "mdtodo", stack: "unidesk-prod-d601", host: "d601", commit: c })];
    expect(rollbackOf({ pin: mdtodo, history })).toMatchObject({ commit: c, imageOnTarget: null });
  });
});

describe("a pin of another image of the commit that runs", () => {
  const digested = { ...frontend, digest: Digest.parse(digestB) };
  const fields = [{ path: "triggers.digest", before: digestA, after: digestB }];
  const changes = [run("null_resource.frontend-deployment", fields)];
  const live: Live = { ...asPinned, delivered: false, drift: "delivered by another digest", imageId: "sha256:x" };

  test("fails if it is called drift", () => {
    const { action, reason } = reviewed({ pin: digested, live, changes });
    expect({ action, reason }).toEqual({ action: "deploy", reason: "pin changed: another image of a1a1a1a" });
    expect(reviewed({ pin: digested, live, changes: again }).action).toBe("repair");
  });
});

describe("what a deployment would refuse", () => {
  const refusals = ["frontend runs under another name"];

  test("fails if it is said only half way through the apply", () => {
    const live = { ...older, refusals };
    expect(reviewed({ live, changes: moved })).toMatchObject({ interrupts: true, blockers: refusals });
  });

  test("is refused nothing where nothing is made anew", () => {
    const live: Live = { ...asPinned, drift: "stable tag moved to another image", settled: true, refusals };
    expect(reviewed({ live, changes: again })).toMatchObject({ action: "repair", interrupts: false, blockers: [] });
  });
});
