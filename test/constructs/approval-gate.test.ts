import { NullProvider } from "@cdktf/provider-null/lib/provider/index.js";
import { TerraformStack } from "cdktf";
import { expect, test } from "vitest";
import { ApprovalGate } from "../../constructs/approval-gate.ts";
import { PlanOnly, PlanOnlyRefusal } from "../../constructs/plan-only.ts";
import { stepApproval } from "../../lib/approval/source.ts";
import { type Consumer, findService, isConsumer } from "../../lib/catalog/index.ts";
import { isK3sPin, type Pin } from "../../lib/config/deploy-file.ts";
import type { Site } from "../../lib/config/site.ts";
import type { Commit, Environment } from "../../lib/config/values.ts";
import { commitA, hostKeys, siteOf } from "../support.ts";
import { appOf, provisionersOf, runtimeOf, synth } from "../synth.ts";

function pinOf(service: string, environment: Environment): Pin & { readonly consumer: Consumer } {
  const consumer = findService(service)?.consumers[environment];
  if (!isConsumer(consumer)) throw new Error(`${service} has no consumer in ${environment}`);
  return { service, environment, commit: commitA as Commit, consumer };
}
const approvers = [{ name: "ann", key: hostKeys.ed25519 }];

function stackOf(site: Site): TerraformStack {
  const stack = new TerraformStack(appOf(site), "stack");
  new NullProvider(stack, "null");
  return stack;
}

function gateOf(site = siteOf({ approvers }), pin = pinOf("code-queue-mgr", "prod")) {
  const { supervised } = pin.consumer;
  if (!supervised) throw new Error("code-queue-mgr is supervised");
  const stack = stackOf(site);
  const repair = { value: "2: stopped", ignore: "none" } as const;
  const approval = stepApproval(site, pin);
  const gate = new ApprovalGate(stack, "code-queue-mgr-approval", {
    runtime: runtimeOf(site),
    pin,
    supervised,
    approval,
    repair,
  });
  return { site, gate, approval, resource: synth(stack).resources["code-queue-mgr-approval"] };
}

test("the gate shows what an apply would touch, what it would not, and why it is run", () => {
  expect(gateOf().resource?.triggers).toEqual({
    service: "code-queue-mgr",
    commit: commitA,
    declared: expect.stringMatching(/^[0-9a-f]{12}$/),
    requires: "approval",
    affectedRuntime: "main-server Compose service code-queue-mgr, container code-queue-mgr-backend",
    excludedTargets: "code-queue scheduler, code-queue runner, tasks, interrupt, cancel",
    spec: expect.stringMatching(/^[0-9a-f]{12}$/),
    repair: "2: stopped",
  });
});

test("its triggers say nothing of approvals and of who may give them", () => {
  const { resource } = gateOf();
  expect(gateOf(siteOf({ approvers: [] })).resource?.triggers).toEqual(resource?.triggers);
});

test("a changed catalog entry has it run again", () => {
  const pin = pinOf("code-queue", "dev");
  if (!isK3sPin(pin)) throw new Error("code-queue runs on k3s in dev");
  const { runtime } = pin.consumer;
  const workloads = runtime.workloads.map((workload) => ({ ...workload, env: { ...workload.env, MODE: "other" } }));
  const changed = { ...pin, consumer: { ...pin.consumer, runtime: { ...runtime, workloads } } };
  const declaredOf = (one: typeof pin) => gateOf(undefined, one).resource?.triggers?.declared;
  expect(declaredOf(pin)).toBe(declaredOf({ ...pin }));
  expect(declaredOf(changed)).not.toBe(declaredOf(pin));
});

test("its step, and every one behind it, is given the request and public keys alone", () => {
  const { site, gate, approval, resource } = gateOf();
  const [[, provisioner] = []] = provisionersOf(resource);
  expect(JSON.parse(provisioner?.environment?.UNIDESK_STEP_APPROVAL ?? "")).toEqual({
    request: { target: "lab", service: "code-queue-mgr", environment: "prod", commit: commitA },
    source: {
      folder: `${site.root}/approvals`,
      approvers: [{ name: "ann", keys: [hostKeys.ed25519] }],
      deployKeys: [],
    },
  });
  expect(gate.runtime.approval).toEqual(approval);
});

test.each([
  ["met-nonlinear", "dev", { decision: "blocked", container: "d601/met-nonlinear-backend" }],
  ["k3sctl-adapter", "prod", { decision: "plan-only", excludedTargets: "k3s, its workloads" }],
] as const)("a plan-only pin shows its decision: %s in %s", (service, environment, facts) => {
  const site = siteOf();
  const stack = stackOf(site);
  const pin = pinOf(service, environment);
  const { planOnly } = pin.consumer;
  if (!planOnly) throw new Error(`${service} is plan-only`);
  const id = `${service}-${environment}`;
  const runtime = runtimeOf(site);
  const refusal = new PlanOnlyRefusal(stack, "refusal", { runtime, pins: [{ pin, planOnly }] });
  new PlanOnly(stack, id, { runtime, pin, planOnly, refusal });
  const resource = synth(stack).resources[id];
  expect(resource?.triggers).toMatchObject({
    service,
    commit: commitA,
    environment,
    reason: planOnly.reason,
    ...facts,
  });
  expect(resource?.triggers).not.toHaveProperty("repair");
});
