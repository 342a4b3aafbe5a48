import { expect, test } from "vitest";
import { labExec } from "../../lab/index.ts";
import { imageId, lines, listenersOn, registry, withRegistryStopped } from "../lab-support.ts";
import {
  deliverySpec,
  expectNothingLeft,
  pulling,
  pushImage,
  receivedBytes,
  removeImages,
  tunnelFiles,
  tunnelProcesses,
  useDeliveryLab,
  withSlowRegistry,
} from "./lab-images.ts";

const { site, steps } = useDeliveryLab();
const hosts = ["d601", "main-server"] as const;
const commit = (letter: string) => letter.repeat(40);
const megabyte = 2 ** 20;
/** Random bytes do not shrink, so that a layer's size is its compressed size. */
const allowed = (megabytes: number) => 1.05 * megabytes * megabyte + 64 * 1024;

test("deliveries at once share one tunnel on loopback, and with the last of them everything is gone", async () => {
  const a = await pushImage("a", commit("a"), [
    ["base", 20],
    ["a", 3],
  ]);
  const b = await pushImage("b", commit("b"), [
    ["base", 20],
    ["b", 3],
  ]);
  const before = await listenersOn("main-server");
  const bytes = await receivedBytes(() =>
    withSlowRegistry(10, async () => {
      const both = [a, b].map((image) => steps.start("image-delivery", deliverySpec(image), hosts));
      await pulling();
      const during = (await listenersOn("main-server")).filter((listener) => !before.includes(listener));
      expect(during).toEqual([expect.stringMatching(/^127\.0\.0\.1:\d+$/)]);
      const port = during[0]?.replace(/^.*:/, "");
      const processes = await tunnelProcesses(site);
      expect(processes.filter(({ args }) => args.endsWith(" tunnel-holder"))).toHaveLength(1);
      expect(processes.filter(({ args }) => args.startsWith("ssh "))).toHaveLength(2);
      expect(tunnelFiles(site)).toEqual(["h 600", "t 600"]);
      // On the lab's network: the bridges of a host's own Docker have addresses that mean something else elsewhere.
      const ownAddress = "ip -4 -o addr show eth0 | awk '{ sub(/\\/.*/, \"\", $4); print $4 }'";
      const address = (await labExec("d601", ownAddress)).trim();
      const asked = await labExec(
        "main-server",
        `for url in 127.0.0.1:${port} "$(${ownAddress}):${port}" ${address}:${registry.port}; do
          curl -s --noproxy '*' -o /dev/null --max-time 5 -w '%{http_code}\n' "http://$url/v2/" || true; done`,
      );
      expect(lines(asked)).toEqual(["200", "000", "000"]);
      for (const { exitCode, all } of await Promise.all(both)) {
        expect(exitCode, all).toBe(0);
        expect(all).toMatch(/^2 of 2 layers missing, 24\.1 MB\n(.*\n)*delivered sha256:[0-9a-f]{64} in \d+\.\d s$/);
      }
    }),
  );
  await expectNothingLeft(site, before);
  for (const image of [a, b]) {
    expect(await imageId("main-server", `${image.stableImage}:${image.commit}`)).toBe(image.id);
  }
  expect(await labExec("main-server", "docker image ls --digests | grep -c 127.0.0.1: || true")).toBe("0");
  expect(bytes).toBeGreaterThan(26 * megabyte);
  // The layer that both have crosses the wire once.
  expect(bytes).toBeLessThan(allowed(26));
});

test("of a new image only the changed layer crosses the wire; the record says what did", async () => {
  const image = await pushImage("a", commit("c"), [
    ["base", 20],
    ["a", 3],
    ["small", 1],
  ]);
  let output = "";
  const bytes = await receivedBytes(async () => {
    output = await steps.pass("image-delivery", deliverySpec(image), hosts);
  });
  expect(output).toMatch(/^1 of 3 layers missing, 1\.1 MB\n/);
  expect(bytes).toBeGreaterThan(megabyte);
  expect(bytes).toBeLessThan(allowed(1));
  const path = `/home/ubuntu/.unidesk/deliveries/${image.service}/${image.commit}.json`;
  const record = JSON.parse(await labExec("main-server", ["cat", path]));
  expect(record).toEqual({
    digest: image.digest,
    imageId: image.id,
    bytes: expect.any(Number),
    seconds: expect.any(Number),
    run: expect.any(String),
  });
  expect(Math.abs(record.bytes - megabyte)).toBeLessThan(4096);
});

test("everything missing costs its own size; an image that lost its name costs nothing", async () => {
  await removeImages("main-server");
  const image = await pushImage("a", commit("c"), [
    ["base", 20],
    ["a", 3],
    ["small", 1],
  ]);
  const deliver = () => steps.pass("image-delivery", deliverySpec(image), hosts);
  expect(await receivedBytes(deliver)).toBeLessThan(allowed(24));
  const name = `${image.stableImage}:${image.commit}`;
  await labExec("main-server", `docker tag ${name} unidesk-ut-other:x && docker rmi ${name}`);
  expect(await receivedBytes(async () => expect(await deliver()).toContain("was already there"))).toBeLessThan(
    64 * 1024,
  );
  expect(await imageId("main-server", name)).toBe(image.id);
});

test("with the registry down an image that is there is enough", async () => {
  const image = await pushImage("a", commit("c"), [
    ["base", 20],
    ["a", 3],
    ["small", 1],
  ]);
  const before = await listenersOn("main-server");
  await withRegistryStopped(async () => {
    const output = await steps.pass("image-delivery", deliverySpec(image), hosts);
    expect(output).toContain(
      `the registry is not reachable; ${image.stableImage}:${image.commit} is already on main-server`,
    );
    const other = { ...deliverySpec(image), stableImage: "unidesk-ut-nowhere" };
    expect(await steps.fail("image-delivery", other, hosts)).toMatch(
      /^infra-blocked: d601 127\.0\.0\.1:5000: the registry does not answer/,
    );
  });
  await expectNothingLeft(site, before);
});

test("on the registry's own host there is no tunnel, and the registry's name stays", async () => {
  const image = await pushImage("d", commit("d"), [["d", 1]]);
  const name = `${image.stableImage}:${image.commit}`;
  const reference = `127.0.0.1:5000/unidesk/${image.service}@${image.digest}`;
  const deliver = () => steps.pass("image-delivery", deliverySpec(image, "d601"), ["d601"]);
  expect(await deliver()).toContain("was already there");
  expect(await imageId("d601", name)).toBe(image.id);
  await labExec("d601", `docker rmi -f ${image.id}`);
  expect(await deliver()).toMatch(/^1 of 1 layers missing, 1\.1 MB\n(.*\n)*delivered sha256:/);
  expect(await imageId("d601", name)).toBe(image.id);
  expect(await imageId("d601", reference)).toBe(image.id);
  await labExec("d601", `docker rmi ${reference}`);
  await deliver();
  expect(await imageId("d601", reference)).toBe(image.id);
});

test("fails if the tunnel cannot be opened, with the same words for all who wait for it", async () => {
  const image = await pushImage("a", commit("c"), [
    ["base", 20],
    ["a", 3],
    ["small", 1],
  ]);
  const [wrong] = site.connection("main-server").hostKeys;
  const connection: NonNullable<Parameters<typeof steps.fail>[3]>["connection"] = (host) =>
    host.name === "d601" && wrong ? { ...host, hostKeys: [wrong] } : host;
  const spec = { ...deliverySpec(image), stableImage: "unidesk-ut-nowhere" };
  const before = await listenersOn("main-server");
  const texts = await Promise.all([1, 2].map(() => steps.fail("image-delivery", spec, hosts, { connection })));
  expect(texts[0]).toMatch(
    /^infra-blocked: d601: the host key of .* is not one of the pinned keys; nothing was sent\n/,
  );
  expect(texts[1]).toBe(texts[0]);
  await expectNothingLeft(site, before);
});
