import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadPins } from "../../lib/config/site.ts";
import { nothingObserved } from "../../lib/observe/site.ts";
import { localStateFile } from "../../lib/state.ts";
import { addStacks } from "../../stacks/index.ts";
import { RegistryStack } from "../../stacks/registry-stack.ts";
import { siteOf } from "../support.ts";
import { appOf, runtimeOf, synth } from "../synth.ts";

function backendOf(context: object) {
  const site = siteOf(context);
  const stack = new RegistryStack(appOf(site), { site, pins: [], runtime: runtimeOf(site), observed: nothingObserved });
  return { site, backend: synth(stack).terraform.backend };
}

describe("a local state", () => {
  test("lies under the target's name, relative to the folder that terraform runs in", () => {
    const { site, backend } = backendOf({ target: "production" });
    expect(backend).toEqual({ local: { path: "../../../state/production/d601-registry.tfstate" } });
    const file = join(site.root, "cdktf.out/stacks/d601-registry", backend.local?.path as string);
    expect(file).toBe(localStateFile(site, "d601-registry"));
    expect(existsSync(join(file, ".."))).toBe(true);
  });

  test("of another target is another file", () => {
    const paths = ["lab", "production"].map((target) => backendOf({ target }).backend.local?.path);
    expect(new Set(paths).size).toBe(2);
  });
});

test.each([
  [{ type: "pg" }, { pg: { schema_name: "unidesk_my_site_d601_registry" } }],
  [
    { type: "s3", bucket: "b", region: "r" },
    {
      s3: { bucket: "b", region: "r", key: "unidesk/my-site/d601-registry.tfstate", encrypt: true, use_lockfile: true },
    },
  ],
  [
    { type: "s3", bucket: "b", region: "r", keyPrefix: "p", endpoint: "https://s3.example.org" },
    {
      s3: {
        bucket: "b",
        region: "r",
        key: "p/my-site/d601-registry.tfstate",
        encrypt: true,
        use_lockfile: true,
        endpoints: { s3: "https://s3.example.org" },
      },
    },
  ],
  [
    { type: "kubernetes", namespace: "unidesk", configPath: "~/.kube/config" },
    { kubernetes: { secret_suffix: "my-site-d601-registry", namespace: "unidesk", config_path: "~/.kube/config" } },
  ],
])("%j carries the target and the stack", (backend, expected) => {
  expect(backendOf({ target: "my-site", backend }).backend).toEqual(expected);
});

test("no stack depends on another one", () => {
  const site = siteOf();
  const app = appOf(site);
  addStacks(app, { site, pins: loadPins(site), runtime: runtimeOf(site), observed: nothingObserved });
  app.synth();
  const { stacks } = app.manifest.buildManifest();
  expect(Object.keys(stacks).sort()).toEqual([
    "d601-registry",
    "unidesk-dev-d601",
    "unidesk-plan-only",
    "unidesk-prod-d601",
    "unidesk-prod-main-server",
    "unidesk-supervised-code-queue-dev",
    "unidesk-supervised-code-queue-mgr-prod",
  ]);
  for (const { dependencies } of Object.values(stacks)) expect(dependencies).toEqual([]);
});

test("fails if PostgreSQL would cut the schema's name off, and two stacks had one state", () => {
  const backend = { type: "pg" };
  const target = "t".repeat(63 - "unidesk__d601_registry".length);
  expect(backendOf({ target, backend }).backend.pg?.schema_name).toHaveLength(63);
  expect(() => backendOf({ target: `${target}t`, backend })).toThrow(/too long a name[\s\S]*64 bytes[\s\S]*63 bytes/);
});
