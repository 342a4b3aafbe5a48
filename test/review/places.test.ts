import { describe, expect, test } from "vitest";
import type { Pin } from "../../lib/config/deploy-file.ts";
import { loadPins } from "../../lib/config/site.ts";
import { Commit, Digest } from "../../lib/config/values.ts";
import type { ObservedService } from "../../lib/observe/compose.ts";
import type { HostFacts } from "../../lib/observe/host.ts";
import type { ObservedK3s } from "../../lib/observe/k3s.ts";
import { liveOf } from "../../lib/review/live.ts";
import { judgePlaces, type Places, placesOf } from "../../lib/review/places.ts";
import { commitA, commitB, digestA, digestB, hostsJson, siteOfPins } from "../support.ts";
import { observed as cluster, healthOf, pod } from "../verdicts/k3s-support.ts";

const { d601, ...others } = hostsJson();
const site = siteOfPins(
  { prod: { frontend: { commit: commitA } }, dev: { frontend: { commit: commitA } } },
  { hosts: { ...others, d601: { ...d601, kubernetes: { caCertificate: "BEGIN CERTIFICATE" } } } },
);
const pinOf = (environment: string) => loadPins(site).find((one) => one.environment === environment) as Pin;
const [prod, dev] = [pinOf("prod"), pinOf("dev")];

const none: HostFacts = {
  ...{ registry: undefined, services: new Map(), auth: new Map(), k3s: new Map(), receipts: new Map() },
  machine: "m",
  origin: () => "",
};
const digestC = `sha256:${"c".repeat(64)}`;
const imageOf = (imageId: string, digest: string) => ({ id: imageId, labels: {}, record: { imageId, digest } });

/** Image `i1` was delivered as commit A by digest A, `i2` as commit B by digest B. */
function compose(change: object = {}, rest: Partial<ObservedService> = {}) {
  const seen = {
    container: {
      ...{ id: "c1", status: "running", imageId: "i1", deployEnv: {}, labels: {}, gates: [], mounts: [] },
      ...{ imageLabels: { "org.opencontainers.image.revision": commitA }, health: healthOf(commitA), ...change },
    },
    images: { [commitA]: imageOf("i1", digestA), [commitB]: imageOf("i2", digestB) },
    ...rest,
  } as unknown as ObservedService;
  return { hosts: { "main-server": { ...none, services: new Map([["frontend", seen]]) } }, warnings: [] };
}

function k3s(seen: ObservedK3s) {
  return { hosts: { d601: { ...none, k3s: new Map([["unidesk-dev/frontend", seen]]) } }, warnings: [] };
}

const judged = (pin: Pin, facts: ReturnType<typeof compose> | ReturnType<typeof k3s>) =>
  judgePlaces(pin, placesOf(pin, site, facts));

describe("the image that runs", () => {
  test("agrees where it is the delivered one", () => {
    expect(judged(prod, compose())).toEqual({ agrees: true, differs: false });
    expect(judged(dev, k3s(cluster()))).toEqual({ agrees: true, differs: false });
  });

  test("fails if another one of the same commit passes: of another delivery, or of none", () => {
    for (const [imageId, imageDigest] of [
      ["i2", digestB],
      ["i3", null],
    ]) {
      const facts = compose({ imageId });
      expect(placesOf(prod, site, facts).replicas).toMatchObject([{ image: "other", imageDigest }]);
      expect(judged(prod, facts)).toEqual({ agrees: false, differs: true });
    }
    const facts = k3s(cluster({ pods: [pod({ imageId: `127.0.0.1:5000/unidesk/frontend@${digestC}` })] }));
    expect(placesOf(dev, site, facts).replicas).toMatchObject([{ image: "other", imageDigest: digestC }]);
    expect(judged(dev, facts)).toEqual({ agrees: false, differs: true });
  });

  test("fails if one that nobody saw is taken for the same or for another one", () => {
    const unrecorded = compose({}, { images: { [commitA]: { id: "i1", labels: {}, record: undefined } } });
    expect(placesOf(prod, site, unrecorded).replicas).toMatchObject([{ image: "unknown" }]);
    const starting = k3s(cluster({ pods: [pod({ imageId: "" })] }));
    expect(placesOf(dev, site, starting).replicas).toMatchObject([{ image: "unknown", imageDigest: null }]);
    expect(judged(dev, starting)).toEqual({ agrees: false, differs: false });
  });

  test("is what a review calls live", () => {
    const digestOf = (facts: ReturnType<typeof compose>) => liveOf(prod, site, facts).digest;
    expect(digestOf(compose())).toBe(digestA);
    expect(digestOf(compose({ imageId: "i2" }))).toBe(digestB);
    expect(digestOf(compose({ imageId: "i3" }))).toBeUndefined();
    const podsOf = (...digests: string[]) =>
      liveOf(dev, site, k3s(cluster({ pods: digests.map((one) => pod({ imageId: `x@${one}` })) }))).digest;
    expect(podsOf(digestA)).toBe(digestA);
    // A node may name it by its configuration.
    expect(podsOf(digestB)).toBe(digestA);
    expect(podsOf(digestC)).toBe(digestC);
    expect(podsOf(digestA, digestC)).toBeUndefined();
  });
});

test("a review names what the container has mounted, and no name that Docker made up", () => {
  const mounts = [
    { type: "volume", from: "unidesk_cache", to: "/cache" },
    { type: "volume", from: "a1".repeat(32), to: "/data" },
    { type: "bind", from: "/srv/config.json", to: "/config.json" },
  ];
  expect(liveOf(prod, site, compose({ mounts })).mounts).toEqual([
    "unidesk_cache at /cache (volume)",
    "unnamed at /data (volume)",
    "/srv/config.json at /config.json (bind)",
  ]);
  expect(liveOf(prod, site, compose({}, { container: undefined })).mounts).toBeUndefined();
  expect(liveOf(dev, site, k3s(cluster())).mounts).toBeUndefined();
});

describe("all places", () => {
  const a = Commit.parse(commitA);
  const b = Commit.parse(commitB);
  const [one, other] = [Digest.parse(digestA), Digest.parse(digestB)];
  const replica = { name: "x", liveCommit: a, requestedCommit: a, image: "delivered", imageDigest: one } as const;
  const good: Places = { seen: true, registry: one, target: one, labelCommit: a, replicas: [replica] };
  const pin = { commit: a, digest: one };

  test.each<[string, Partial<Places>]>([
    ["another digest in the registry", { registry: other }],
    ["another digest on the target", { registry: null, target: other }],
    ["a label of another commit", { labelCommit: b }],
    ["no image on a target that was seen", { target: null }],
    ["no replica on a target that was seen", { replicas: [] }],
    ["a replica of another commit", { replicas: [replica, { ...replica, liveCommit: b }] }],
    ["a replica that was asked for another commit", { replicas: [{ ...replica, requestedCommit: b }] }],
    ["a replica of another image", { replicas: [{ ...replica, image: "other", imageDigest: null }] }],
  ])("fails if %s is called unknown", (_, change) => {
    expect(judgePlaces(pin, { ...good, ...change })).toEqual({ agrees: false, differs: true });
  });

  test.each<[string, Partial<Places>]>([
    ["a target that nobody looked at", { seen: false, target: null, labelCommit: null, replicas: [] }],
    ["a label that nobody could read", { labelCommit: null }],
    ["a replica that says nothing", { replicas: [{ ...replica, liveCommit: null }] }],
    ["an image that nobody saw", { replicas: [{ ...replica, image: "unknown", imageDigest: null }] }],
  ])("fails if %s agrees, or differs", (_, change) => {
    expect(judgePlaces(pin, { ...good, ...change })).toEqual({ agrees: false, differs: false });
  });

  test("need no registry", () => {
    expect(judgePlaces(pin, good)).toEqual({ agrees: true, differs: false });
    const alone = { ...good, registry: null, labelCommit: null };
    expect(judgePlaces(pin, alone)).toEqual({ agrees: true, differs: false });
  });
});
