import { expect, test } from "vitest";
import { nothingObserved } from "../../lib/observe/site.ts";
import { RegistryStack } from "../../stacks/registry-stack.ts";
import { failureOf, siteOf } from "../support.ts";
import { appOf, runtimeOf, shapeOf, synth } from "../synth.ts";

function registryStack(context: object = {}) {
  const site = siteOf(context);
  return synth(new RegistryStack(appOf(site), { site, pins: [], runtime: runtimeOf(site), observed: nothingObserved }));
}

test("the whole stack", async () => {
  await expect(shapeOf(registryStack())).toMatchFileSnapshot("snapshots/d601-registry.yaml");
});

test("the site's settings reach the registry", () => {
  const { resources } = registryStack({ registry: { port: 5001 } });
  expect(resources["registry-health"]?.triggers?.listens).toBe("127.0.0.1:5001");
});

test("fails if the site opens the registry to a network", () => {
  expect(failureOf(() => registryStack({ registry: { address: "0.0.0.0" } })).message).toBe(
    'cdktf.json: context.registry.address: found "0.0.0.0"; must be 127.0.0.1: the registry is bound to D601\'s loopback and never opened to a network',
  );
});
