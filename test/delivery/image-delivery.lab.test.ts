import { afterAll, beforeAll, expect, test } from "vitest";
import { StepRunner } from "../lab-steps.ts";
import { LabSite, registryStack } from "../lab-support.ts";
import { deliverySpec, pushImage, removeImages } from "./lab-images.ts";

const site = new LabSite();
const steps = new StepRunner(site);
beforeAll(async () => {
  await site.open();
  await site.deploy(registryStack, { state: "restore" });
});
afterAll(async () => {
  await removeImages("main-server");
  await removeImages("d601");
  await site.close();
});

test("adhoc", async () => {
  const t0 = Date.now();
  const image = await pushImage("a", "a1".repeat(20), [
    ["base", 40],
    ["a", 5],
  ]);
  console.log("push", Date.now() - t0, image);
  console.log(await steps.pass("image-delivery", deliverySpec(image), ["d601", "main-server"]));
  console.log(await steps.pass("image-delivery", deliverySpec(image), ["d601", "main-server"]));
  console.log(await steps.pass("image-delivery", deliverySpec(image, "d601"), ["d601"]));
  expect(1).toBe(1);
});
