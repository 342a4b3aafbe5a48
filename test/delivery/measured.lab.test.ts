import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { labExec } from "../../lab/index.ts";
import { sentBytes } from "../review/lab.ts";
import {
  deliverAfter,
  deliverySpec,
  pushImage,
  recordOf,
  type TestLayer,
  useDeliveryLab,
  withSlowRegistry,
} from "./lab-images.ts";

const { steps } = useDeliveryLab();
const hosts = ["d601", "main-server"] as const;
/** Docker keeps a manifest for a while when its image is gone: each of these is one that it never saw. */
const push = (name: string, ...layers: TestLayer[]) => pushImage(name, randomBytes(20).toString("hex"), layers);
const deliver = (image: Parameters<typeof deliverySpec>[0]) => steps.pass("image-delivery", deliverySpec(image), hosts);

test("what the record says is what the registry sent", async () => {
  const first = await push("m-first", ["m-base", 8], ["m-first", 1]);
  const second = await push("m-second", ["m-base", 8], ["m-second", 2]);
  for (const image of [first, second]) {
    let output = "";
    const sent = await sentBytes(async () => {
      output = await deliver(image);
    });
    expect((await recordOf(image)).bytes).toBe(sent[image.service]);
    expect(output).not.toContain("were expected");
  }
  // Under another name of the same content nothing is pulled.
  const again = { ...first, stableImage: "unidesk-ut-m-again" };
  expect(await deliver(again)).toContain("was already there");
  expect((await recordOf(again)).bytes).toBe(0);
});

test("fails to agree with the prediction if a layer goes away after the look", async () => {
  const other = await push("m-gone", ["m-lost", 8]);
  const image = await push("m-more", ["m-lost", 8], ["m-more", 1]);
  await deliver(other);
  let output = "";
  const sent = await sentBytes(async () => {
    output = await deliverAfter(steps, image, () => labExec("main-server", `docker rmi -f ${other.id}`));
  });
  expect(output).toMatch(/^1 of 2 layers missing, 1\.1 MB\n(.*\n)*fetched 9\.4 MB; 1\.1 MB were expected\ndelivered /);
  const { bytes } = await recordOf(image);
  expect(bytes).toBe(sent[image.service]);
  expect(bytes).toBeGreaterThan(9 * 2 ** 20);
});

test("fails to agree with the prediction if a layer comes by another pull after the look", async () => {
  const other = await push("m-base", ["m-meanwhile", 8]);
  const image = await push("m-less", ["m-meanwhile", 8], ["m-less", 1]);
  let output = "";
  const sent = await sentBytes(async () => {
    output = await deliverAfter(steps, image, () => deliver(other));
  });
  expect(output).toMatch(/^2 of 2 layers missing, 9\.4 MB\n(.*\n)*fetched 1\.1 MB; 9\.4 MB were expected\ndelivered /);
  expect((await recordOf(image)).bytes).toBe(sent[image.service]);
  expect((await recordOf(other)).bytes).toBe(sent[other.service]);
});

test("a layer that two deliveries wait for at once counts once", async () => {
  const images = [
    await push("m-twin-1", ["m-shared", 8], ["m-one", 1]),
    await push("m-twin-2", ["m-shared", 8], ["m-two", 1]),
  ];
  const sent = await withSlowRegistry(25, () => sentBytes(() => Promise.all(images.map(deliver))));
  const bytes = (await Promise.all(images.map(recordOf))).map((record) => record.bytes ?? Number.NaN);
  const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);
  expect(sum(bytes)).toBe(sum(Object.values(sent)));
  expect(Math.min(...bytes)).toBeLessThan(2 * 2 ** 20);
});
