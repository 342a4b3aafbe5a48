import { describe, expect, test } from "vitest";
import { loadPins } from "../../lib/config/site.ts";
import type { HostFacts } from "../../lib/observe/host.ts";
import type { SiteFacts } from "../../lib/observe/site.ts";
import { sidesOf } from "../../lib/review/sides.ts";
import { commitA, commitB, hostsJson, siteOfPins } from "../support.ts";
import { observed as cluster, deployment } from "../verdicts/k3s-support.ts";

const { d601, ...others } = hostsJson();
const kubernetes = { caCertificate: "BEGIN CERTIFICATE" };
const site = siteOfPins(
  {
    prod: { mdtodo: { commit: commitA }, frontend: { commit: commitA }, findjob: { commit: commitA } },
    dev: { mdtodo: { commit: commitB }, findjob: { commit: commitA } },
  },
  { hosts: { ...others, d601: { ...d601, kubernetes } } },
);
const pins = loadPins(site);
const nobodyLooked: SiteFacts = { hosts: {}, warnings: [] };
const of = (service: string, observed = nobodyLooked) => sidesOf({ site, pins, observed }, [{ service }]);

test("a service has the sides of the catalog, each once", () => {
  const both = sidesOf({ site, pins, observed: nobodyLooked }, [{ service: "mdtodo" }, { service: "mdtodo" }]);
  expect(both.map(({ environment, host, stack, pinned }) => [environment, host, stack, pinned])).toEqual([
    ["prod", "d601", "unidesk-prod-d601", commitA],
    ["dev", "d601", "unidesk-dev-d601", commitB],
  ]);
  expect(of("project-manager").map(({ environment, pinned }) => [environment, pinned])).toEqual([["prod", null]]);
});

describe("what runs there", () => {
  test("is unknown where nobody looked, or would because nothing is pinned", () => {
    expect(of("mdtodo").map(({ live }) => live.state)).toEqual(["unknown", "unknown"]);
    expect(of("frontend")[1]).toMatchObject({ environment: "dev", pinned: null, live: { state: "unknown" } });
  });

  test("is nothing of this project's where it is never applied", () => {
    expect(of("findjob")[1]?.live).toEqual({ state: "never-applied", commit: null });
  });

  test("is what was seen, whichever stacks are reviewed", () => {
    const none = {
      registry: undefined,
      services: new Map(),
      auth: new Map(),
      receipts: new Map(),
      machine: "m",
      origin: () => "",
    };
    const image = `127.0.0.1:5000/unidesk/mdtodo:${commitB}`;
    const seen = cluster({ deployment: deployment({ image }) });
    const facts: HostFacts = { ...none, k3s: new Map([["unidesk-dev/mdtodo", seen]]) };
    expect(of("mdtodo", { hosts: { d601: facts }, warnings: [] })[1]?.live.commit).toBe(commitB);
  });
});
