import { describe, expect, test } from "vitest";
import { loadPins } from "../../lib/config/site.ts";
import type { ObservedContainer } from "../../lib/observe/compose.ts";
import type { HostFacts } from "../../lib/observe/host.ts";
import type { ObservedK3s, ObservedWorkload } from "../../lib/observe/k3s.ts";
import { livePin } from "../../lib/pins/live.ts";
import { commitA, commitB, hostsJson, siteOf, write } from "../support.ts";
import { deployment, healthOf, observed, pod } from "../verdicts/k3s-support.ts";

function factsOf(changes: Partial<HostFacts>): HostFacts {
  const none = { registry: undefined, services: new Map(), auth: new Map(), k3s: new Map(), receipts: new Map() };
  return { ...none, machine: "m", origin: () => "", ...changes };
}

describe("livePin of a Compose service", () => {
  const site = siteOf({}, { commit: commitA });
  const [pin] = loadPins(site);
  const container: ObservedContainer = {
    ...{ id: "c0ffee", status: "running", imageId: "sha256:1", deployEnv: {}, labels: {}, gates: [], mounts: [] },
    imageLabels: { "org.opencontainers.image.revision": commitB, "dev.unidesk.service": "frontend" },
    health: healthOf(commitB),
  };
  const look = (found: Partial<ObservedContainer> | undefined) => {
    const service = { container: found && { ...container, ...found }, stableImageId: undefined, images: {} };
    const rest = { envKeys: undefined, secrets: undefined, recreateWouldChange: undefined };
    const facts = factsOf({ services: new Map([["frontend", { ...service, ...rest }]]) });
    return pin && livePin(site, pin, { hosts: { "main-server": facts }, warnings: [] });
  };

  test("the commit of its image, where the service says so too", () => {
    expect(look({})).toEqual({ state: "healthy", commit: commitB });
  });

  test.each([
    ["there is no container", undefined, { state: "absent", commit: null }],
    ["it says another commit", { health: healthOf(commitA) }, { state: "unhealthy", commit: commitB }],
    ["it does not answer", { health: { status: 0, body: "", where: "" } }, { state: "unhealthy", commit: commitB }],
    ["its image says no commit", { imageLabels: {} }, { state: "mixed", commit: null }],
  ])("fails if %s and it counts as healthy", (_, found, expected) => {
    expect(look(found)).toEqual(expected);
  });

  test("fails if a host that was not looked at is guessed about", () => {
    expect(pin && livePin(site, pin, { hosts: {}, warnings: [] })).toEqual({ state: "unknown", commit: null });
  });
});

describe("livePin of a service on k3s", () => {
  const hosts = hostsJson();
  const kubernetes = { caCertificate: "BEGIN CERTIFICATE" };
  const site = siteOf({ hosts: { ...hosts, d601: { ...hosts.d601, kubernetes } } });
  write(site.root, "deploy.json", { version: 1, environments: { dev: { frontend: { commit: commitB } } } });
  const [pin] = loadPins(site);
  const look = (changes: Partial<ObservedWorkload>, rest: Partial<ObservedK3s> = {}) => {
    const facts = factsOf({ k3s: new Map([["unidesk-dev/frontend", observed(changes, rest)]]) });
    return pin && livePin(site, pin, { hosts: { d601: facts }, warnings: [] });
  };

  test("the commit of its Deployments, where every pod says so too", () => {
    expect(look({})).toEqual({ state: "healthy", commit: commitA });
    // The images of commits that nobody pins are not looked at.
    expect(look({}, { images: {} })).toEqual({ state: "healthy", commit: commitA });
  });

  test.each<[string, Partial<ObservedWorkload>, Partial<ObservedK3s>, object]>([
    ["its API gave no answer", {}, { cluster: undefined }, { state: "unknown", commit: null }],
    ["there is no Deployment", { deployment: undefined }, {}, { state: "absent", commit: null }],
    [
      "a pod is of another commit",
      { pods: [pod({ health: healthOf(commitB) })] },
      {},
      { state: "unhealthy", commit: commitA },
    ],
    [
      "its image is of no commit",
      { deployment: deployment({ image: "frontend:latest" }) },
      {},
      { state: "mixed", commit: null },
    ],
  ])("fails if %s and it counts as healthy", (_, changes, rest, expected) => {
    expect(look(changes, rest)).toEqual(expected);
  });
});
