import { expect, test } from "vitest";
import { loadPins } from "../../lib/config/site.ts";
import { nothingObserved } from "../../lib/observe/site.ts";
import { PlanOnlyStack } from "../../stacks/plan-only-stack.ts";
import { commitA, siteOfPins } from "../support.ts";
import { appOf, provisionersOf, runtimeOf, synth } from "../synth.ts";

const pin = { commit: commitA };
const site = siteOfPins({
  prod: { frontend: pin, "met-nonlinear": pin, "k3sctl-adapter": pin },
  dev: { findjob: pin },
});
const props = { site, pins: loadPins(site), runtime: runtimeOf(site), observed: nothingObserved };
const { resources } = synth(new PlanOnlyStack(appOf(site), props));

test("holds every pin that is never applied, and no other", () => {
  expect(Object.keys(resources).sort()).toEqual([
    "findjob-dev",
    "k3sctl-adapter-prod",
    "met-nonlinear-prod",
    "refusal",
  ]);
});

test("says the decision, the reason and the target in the diff", () => {
  expect(resources["met-nonlinear-prod"]?.triggers).toMatchObject({
    service: "met-nonlinear",
    commit: commitA,
    environment: "prod",
    decision: "blocked",
    reason: "its Dockerfile and its contract as a long-running service disagree",
    container: "d601/met-nonlinear-backend",
  });
  expect(resources["k3sctl-adapter-prod"]?.triggers).toMatchObject({
    decision: "plan-only",
    excludedTargets: "k3s, its workloads",
  });
});

test("every one of them waits for the refusal and would refuse itself", () => {
  for (const [name, { depends_on }] of Object.entries(resources)) {
    expect(depends_on).toEqual(name === "refusal" ? [] : ["null_resource.refusal"]);
  }
  for (const resource of Object.values(resources)) {
    expect(provisionersOf(resource)[0]?.[1].command).toMatch(/ plan-only$/);
  }
});
