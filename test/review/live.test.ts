import { describe, expect, test } from "vitest";
import { findService, isConsumer } from "../../lib/catalog/index.ts";
import { loadPins } from "../../lib/config/site.ts";
import { authSyncSpecOf } from "../../lib/kubernetes/target.ts";
import { authKey, type ObservedAuthTarget } from "../../lib/observe/auth.ts";
import type { ObservedService } from "../../lib/observe/compose.ts";
import type { HostFacts } from "../../lib/observe/host.ts";
import { liveOf } from "../../lib/review/live.ts";
import { commitA, hostsJson, siteOfPins } from "../support.ts";
import { observed as cluster } from "../verdicts/k3s-support.ts";

const none: HostFacts = {
  ...{ registry: undefined, services: new Map(), auth: new Map(), k3s: new Map(), receipts: new Map() },
  machine: "m",
  origin: () => "",
};

describe("a service on k3s whose pods start with .auth", () => {
  const { d601, ...others } = hostsJson();
  const hosts = { ...others, d601: { ...d601, kubernetes: { caCertificate: "BEGIN CERTIFICATE" } } };
  const site = siteOfPins({ dev: { frontend: { commit: commitA } } }, { hosts });
  const pin = loadPins(site)[0];
  const consumer = findService("frontend")?.consumers.dev;
  if (!pin || !isConsumer(consumer) || consumer.runtime.kind !== "k3s")
    throw new Error("frontend is not on k3s in dev");
  const spec = authSyncSpecOf(site, consumer.runtime);
  if (!spec) throw new Error("frontend needs nothing of .auth");

  const hmac = "a".repeat(64);
  const object = (keys: Readonly<Record<string, string>>) => ({
    keys: Object.values(keys),
    ...{ source: hmac, asWritten: true },
  });
  const synced: ObservedAuthTarget = {
    secret: object(spec.sync.secret.keys),
    configMap: object(spec.sync.configMap.keys),
    ...{ pods: "rolled 1", templates: { "frontend-dev": "1" } },
  };
  const liveWith = (source: string | undefined, target = synced) =>
    liveOf(pin, site, {
      hosts: {
        d601: {
          ...none,
          k3s: new Map([["unidesk-dev/frontend", cluster()]]),
          auth: new Map([[authKey(spec), { target }]]),
        },
        ...(source
          ? {
              "main-server": {
                ...none,
                auth: new Map([[authKey(spec), { source: { hmac: source, problem: undefined } }]]),
              },
            }
          : {}),
      },
      warnings: [],
    });

  test("is settled where its objects are what a sync would leave", () => {
    for (const source of [hmac, undefined]) {
      expect(liveWith(source)).toMatchObject({ seen: true, settled: true, drift: undefined });
    }
  });

  test("fails if a changed .auth is taken for nothing: its pods roll", () => {
    expect(liveWith("b".repeat(64))).toMatchObject({ settled: false, drift: "auth of main-server changed" });
    expect(liveWith(hmac, { ...synced, templates: { "frontend-dev": "none" } })).toMatchObject({
      ...{ settled: false, drift: "pods run with an older auth" },
    });
  });
});

describe("a Compose service", () => {
  const site = siteOfPins({ prod: { frontend: { commit: commitA } } });
  const pin = loadPins(site)[0];
  if (!pin) throw new Error("frontend is not pinned");
  const container = {
    ...{
      id: "c1",
      imageId: "i1",
      status: "running",
      imageLabels: {},
      labels: {},
      deployEnv: {},
      mounts: [],
      gates: [],
    },
    health: { status: 0, body: "", where: "" },
  };
  const liveWith = (changes: object) => {
    const seen = { container, images: {}, stableImageId: "i1", envKeys: {}, secrets: {}, ...changes };
    const services = new Map([["frontend", seen as unknown as ObservedService]]);
    return liveOf(pin, site, { hosts: { "main-server": { ...none, services } }, warnings: [] });
  };

  test("fails if nobody knows what a recreate would pull in and nothing is said", () => {
    expect(liveWith({ recreateWouldChange: undefined }).hidden).toEqual([expect.stringMatching(/^unknown: /)]);
    expect(liveWith({ recreateWouldChange: false }).hidden).toEqual([]);
    expect(liveWith({ container: undefined, recreateWouldChange: undefined }).hidden).toEqual([]);
  });

  test("fails if one that runs under another name is taken for none", () => {
    const live = liveWith({ container: undefined, otherNames: ["app-frontend-1"] });
    expect(live).toMatchObject({ exists: true, settled: false });
    expect(live.refusals).toEqual([expect.stringContaining("app-frontend-1")]);
  });

  test("fails if Compose files that the hosts do not name are no refusal", () => {
    const live = liveWith({ container: { ...container, otherFiles: ["/srv/override.yml"] } });
    expect(live.refusals).toEqual([expect.stringContaining("/srv/override.yml")]);
  });
});
