import { describe, expect, test } from "vitest";
import { pinName } from "../../lib/config/deploy-file.ts";
import { loadPins } from "../../lib/config/site.ts";
import type { Digest } from "../../lib/config/values.ts";
import type { ObservedContainer, ObservedService } from "../../lib/observe/compose.ts";
import type { HostFacts } from "../../lib/observe/host.ts";
import { comingLines, factLines } from "../../lib/review/facts.ts";
import { commitA, commitB, digestA, hostsJson, siteOfPins } from "../support.ts";
import { observed as cluster, deployment, healthOf } from "../verdicts/k3s-support.ts";

const { d601, ...others } = hostsJson();
const site = siteOfPins(
  { prod: { frontend: { commit: commitA }, mdtodo: { commit: commitA } }, dev: { mdtodo: { commit: commitB } } },
  { hosts: { ...others, d601: { ...d601, kubernetes: { caCertificate: "BEGIN CERTIFICATE" } } } },
);
const pins = loadPins(site);

const container = {
  ...{ id: "c1", imageId: "i1", status: "running", imageLabels: {}, labels: {}, deployEnv: {} },
  ...{ health: healthOf(commitA), gates: [], mounts: [] },
} as unknown as ObservedContainer;
const none: HostFacts = {
  ...{ registry: undefined, services: new Map(), auth: new Map(), k3s: new Map(), receipts: new Map() },
  machine: "m",
  origin: () => "",
};

interface Seen {
  readonly container?: Partial<ObservedContainer>;
  /** Of mdtodo in prod and dev. */
  readonly prod?: ReturnType<typeof cluster>;
  readonly dev?: ReturnType<typeof cluster>;
}

function linesOf(stacks: readonly string[], seen: Seen = {}): string[] {
  const frontend = {
    ...{ container: { ...container, ...seen.container }, images: {}, stableImageId: "i1", envKeys: {} },
  } as unknown as ObservedService;
  const k3s = new Map([
    ["unidesk/mdtodo", seen.prod ?? cluster()],
    ["unidesk-dev/mdtodo", seen.dev ?? cluster()],
  ]);
  const hosts = { "main-server": { ...none, services: new Map([["frontend", frontend]]) }, d601: { ...none, k3s } };
  return factLines(site, stacks, pins, { hosts });
}

const mainServer = ["unidesk-prod-main-server"];
const prod = ["unidesk-prod-d601"];
const dev = ["unidesk-dev-d601"];

describe("a fingerprint's facts", () => {
  test("are of the reviewed stacks alone, and each begins with its stack", () => {
    const all = linesOf([...mainServer, ...prod, ...dev]);
    for (const stacks of [mainServer, prod, dev]) {
      const lines = linesOf(stacks);
      expect(lines.length).toBeGreaterThan(0);
      expect(lines).toEqual(all.filter((line) => line.startsWith(`${stacks[0]} `)));
    }
    expect(linesOf(["unidesk-plan-only"])).toEqual([]);
  });

  test("say on which machines they were seen: hosts of the same names are others", () => {
    expect(linesOf(prod)).toContain("unidesk-prod-d601 d601 machine: m");
  });

  test("fails if a container that somebody changed passes", () => {
    for (const changed of [{ id: "c2" }, { imageId: "i2" }, { deployEnv: { A: "b" } }]) {
      expect(linesOf(mainServer, { container: changed })).not.toEqual(linesOf(mainServer));
    }
    const other = cluster({ deployment: deployment({ replicas: 2 }) });
    expect(linesOf(prod, { prod: other })).not.toEqual(linesOf(prod));
  });

  test("fails if an edit that keeps image and replicas passes, or an autoscaler's work refuses", () => {
    const edited = deployment({ generation: 7, observedGeneration: 7 });
    expect(linesOf(prod, { prod: cluster({ deployment: edited }) })).not.toEqual(linesOf(prod));
    const scaled = (replicas: number) =>
      linesOf(prod, {
        prod: cluster({ deployment: deployment({ replicas, generation: replicas }), autoscaled: true }),
      });
    expect(scaled(5)).toEqual(scaled(2));
  });

  test("fails if another stack's service refuses an apply", () => {
    const other = cluster({ deployment: deployment({ replicas: 0 }) });
    expect(linesOf(prod, { dev: other, container: { id: "c2" } })).toEqual(linesOf(prod));
  });

  test("fails if a container that crashes again and again is another one at every look", () => {
    const broken = { status: 500, body: "", where: "d601" };
    const restarting = { status: "restarting", health: broken } as Partial<ObservedContainer>;
    expect(linesOf(mainServer, { container: restarting })).toEqual(linesOf(mainServer));
    expect(linesOf(prod, { prod: cluster({ health: broken }) })).toEqual(linesOf(prod));
  });

  test("say nothing of mounts, which are there to be read", () => {
    const mounts = [{ type: "volume", from: "cache", to: "/cache" }];
    expect(linesOf(mainServer, { container: { mounts } })).toEqual(linesOf(mainServer));
  });
});

describe("what the registry has of a pin without a digest", () => {
  const artifacts = (digest: string | null | undefined) =>
    ({ find: () => (digest ? { digest } : digest) }) as unknown as Parameters<typeof comingLines>[2];
  const unsent = new Map(pins.map((pin) => [pinName(pin), { delivered: false }]));
  const lines = (digest: string | null | undefined, some = pins) => comingLines(some, unsent, artifacts(digest));

  test("is a fact while it has to come: another image of the same tag is another review", () => {
    expect(lines("sha256:a")).toContain("unidesk-prod-main-server registry prod/frontend: sha256:a");
    expect(lines("sha256:b")).not.toEqual(lines("sha256:a"));
    expect(lines(null)).toContain("unidesk-prod-main-server registry prod/frontend: none");
    expect(lines(undefined)).toContain("unidesk-prod-main-server registry prod/frontend: not asked");
  });

  test("is none where the pin has one, or nothing has to come", () => {
    expect(
      lines(
        "sha256:a",
        pins.map((pin) => ({ ...pin, digest: digestA as Digest })),
      ),
    ).toEqual([]);
    expect(comingLines(pins, new Map(pins.map((pin) => [pinName(pin), { delivered: true }])), artifacts("x"))).toEqual(
      [],
    );
  });
});
