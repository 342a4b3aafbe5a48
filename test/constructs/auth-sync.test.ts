import { expect, test } from "vitest";
import { ArtifactPreflight } from "../../constructs/artifact-preflight.ts";
import { AuthSync } from "../../constructs/auth-sync.ts";
import { K3sNamespace } from "../../constructs/k3s-namespace.ts";
import type { AuthSyncSpec } from "../../lib/kubernetes/target.ts";
import { nothingObserved } from "../../lib/observe/site.ts";
import { SiteStack } from "../../stacks/site-stack.ts";
import { siteOf } from "../support.ts";
import { appOf, runtimeOf, synth } from "../synth.ts";

const spec: AuthSyncSpec = {
  host: "d601",
  kubectl: "k3s kubectl",
  source: { host: "main-server", configJson: "/srv/unidesk/config.json" },
  namespace: "unidesk-dev",
  sync: {
    secret: { name: "web-auth", keys: { sessionSecret: "SESSION", passwordHash: "HASH" } },
    configMap: { name: "web-public", keys: { username: "USER" } },
  },
  deployments: ["web-dev"],
};

function resourceOf(changes: Partial<AuthSyncSpec> = {}) {
  const site = siteOf();
  const runtime = runtimeOf(site);
  const stack = new SiteStack(appOf(site), "stack", { site, pins: [], runtime, observed: nothingObserved });
  const repair = { value: "2: Secret web-auth edited", ignore: "none" as const };
  const mended = (name: string) => ({ runtime, repair, receipt: { key: `stack/${name}` as const, spec: "x" } });
  const registry = { host: "d601" as const, port: 5000 };
  const preflight = new ArtifactPreflight(stack, "preflight", { runtime, registry, target: "d601", pins: [], repair });
  const where = { cluster: spec, namespace: spec.namespace, preflight };
  const namespace = new K3sNamespace(stack, "namespace-unidesk-dev", { ...mended("namespace-unidesk-dev"), ...where });
  new AuthSync(stack, "web-auth-sync", { ...mended("web-auth-sync"), spec: { ...spec, ...changes }, namespace });
  const resource = synth(stack).resources["web-auth-sync"];
  const environment = resource?.provisioner[0]?.["local-exec"]?.environment ?? {};
  const hosts = JSON.parse(environment.UNIDESK_STEP_CONNECTIONS ?? "[]") as { name: string }[];
  return { resource, environment, hosts: hosts.map(({ name }) => name) };
}
const { resource, environment, hosts } = resourceOf();

test("a reviewer reads names, and why it runs again", () => {
  expect(resource?.triggers).toEqual({
    source: "main-server /srv/unidesk/config.json .auth",
    secret: "d601/unidesk-dev/web-auth: sessionSecret as SESSION, passwordHash as HASH",
    config_map: "d601/unidesk-dev/web-public: username as USER",
    spec: expect.stringMatching(/^[0-9a-f]{12}$/),
    repair: "2: Secret web-auth edited",
  });
});

test("it comes after its namespace, reads on one host and leaves its receipt on the other", () => {
  expect(resource?.depends_on).toEqual(["null_resource.namespace-unidesk-dev"]);
  expect(hosts).toEqual(["main-server", "d601"]);
  expect(JSON.parse(environment.UNIDESK_STEP_RECEIPT ?? "{}")).toEqual({
    host: "d601",
    key: "stack/web-auth-sync",
    spec: "x",
  });
});

test("source and cluster on one host", () => {
  const one = resourceOf({ source: { host: "d601", configJson: "/srv/config.json" } });
  expect(one.hosts).toEqual(["d601"]);
});

test("another field, key or Deployment runs it again", () => {
  const specOf = (changes: Partial<AuthSyncSpec>) => resourceOf(changes).resource?.triggers?.spec;
  expect(specOf({ deployments: [] })).not.toBe(specOf({}));
  expect(specOf({ sync: { ...spec.sync, configMap: { name: "web-public", keys: {} } } })).not.toBe(specOf({}));
});
