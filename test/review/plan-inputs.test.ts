import { mkdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { HostFacts } from "../../lib/observe/host.ts";
import { planInputs } from "../../lib/review/plan-inputs.ts";
import { siteOf, write } from "../support.ts";
import { deployment, observed } from "../verdicts/k3s-support.ts";

const site = siteOf();
const name = "unidesk-prod-d601";
const path = `${site.root}/work/${name}`;
mkdirSync(path, { recursive: true });

function facts(changes: Partial<HostFacts> = {}) {
  const none = { registry: undefined, services: new Map(), auth: new Map(), receipts: new Map() };
  const k3s = new Map([["unidesk/mdtodo", observed()]]);
  return {
    hosts: { d601: { ...none, k3s, dockerImages: "images", machine: "m", origin: () => "", ...changes } },
    warnings: [],
  };
}

function inputs(
  changes: { config?: object; facts?: ReturnType<typeof facts>; environment?: NodeJS.ProcessEnv; state?: string } = {},
  of = site,
): string | undefined {
  const config = { provider: { null: [{}], docker: [{}], kubernetes: [{}] }, resource: {} };
  write(path, "cdk.tf.json", { ...config, ...changes.config });
  write(site.root, `state/lab/${name}.tfstate`, changes.state ?? "{}");
  const folder = { name, path, root: site.root, environment: changes.environment ?? {} };
  return planInputs(folder, of, changes.facts ?? facts());
}

test("are the same while nothing changes", () => {
  expect(inputs()).toMatch(/^[0-9a-f]{64}$/);
  expect(inputs()).toBe(inputs());
  // What the app itself was started with is no input.
  expect(inputs({ environment: { HOME: "/elsewhere" } })).toBe(inputs());
});

describe("are others", () => {
  const written = new Map([["unidesk/mdtodo", observed({ deployment: deployment({ version: "2" }) })]]);
  const deleted = new Map([["unidesk/mdtodo", observed({ service: undefined })]]);
  test.each([
    ["the configuration changes", { config: { resource: { null_resource: {} } } }],
    ["the state changes", { state: '{"serial":2}' }],
    ["somebody wrote a Deployment", { facts: facts({ k3s: written }) }],
    ["somebody deleted a Service", { facts: facts({ k3s: deleted }) }],
    ["Docker has another image", { facts: facts({ dockerImages: "other images" }) }],
    ["Terraform is told to plan in another way", { environment: { TF_CLI_ARGS_plan: "-refresh=false" } }],
  ])("if %s", (_, changes) => {
    expect(inputs(changes)).not.toBe(inputs());
  });
});

describe("are unknown", () => {
  const silent = new Map([["unidesk/mdtodo", observed({}, { cluster: undefined })]]);
  test.each([
    ["the cluster gave no answer", { facts: facts({ k3s: silent }) }],
    ["Docker gave no answer", { facts: facts({ dockerImages: undefined }) }],
    ["nobody looked", { facts: { hosts: {}, warnings: [] } as unknown as ReturnType<typeof facts> }],
    ["a provider reads what the look does not cover", { config: { provider: { aws: [{}] } } }],
  ])("if %s", (_, changes) => {
    expect(inputs(changes)).toBeUndefined();
  });

  test("if the state lies elsewhere", () => {
    expect(inputs({}, siteOf({ backend: { type: "pg" } }))).toBeUndefined();
  });
});
