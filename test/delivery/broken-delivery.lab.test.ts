import { beforeAll, expect, test } from "vitest";
import { labExec } from "../../lab/index.ts";
import { imageId, listenersOn } from "../lab-support.ts";
import {
  deliverySpec,
  expectNothingLeft,
  pulling,
  pushImage,
  removeImages,
  type TestImage,
  tunnelProcesses,
  useDeliveryLab,
  withSlowRegistry,
} from "./lab-images.ts";

const { site, steps } = useDeliveryLab();
const hosts = ["d601", "main-server"] as const;
let image: TestImage;
let before: string[];
beforeAll(async () => {
  image = await pushImage("cut", "e".repeat(40), [
    ["cut", 24],
    ["rest", 1],
  ]);
  before = await listenersOn("main-server");
});

/** Starts a delivery, does `harm` in the middle of its pull, and returns how it ended. */
async function breakOff(harm: (step: { readonly pid?: number | undefined }) => Promise<void> | void) {
  await removeImages("main-server");
  return withSlowRegistry(16, async () => {
    const step = steps.start("image-delivery", deliverySpec(image), hosts);
    await pulling();
    await harm(step);
    const { exitCode, all } = await step;
    expect(await imageId("main-server", `${image.stableImage}:${image.commit}`)).toBeUndefined();
    return { exitCode, output: all };
  });
}

/** Nothing is left, and the next delivery works at once. */
async function expectRecovery(): Promise<void> {
  await expectNothingLeft(site, before);
  await pulling(false);
  const started = Date.now();
  expect(await steps.pass("image-delivery", deliverySpec(image), hosts)).toContain("delivered sha256:");
  expect(Date.now() - started).toBeLessThan(90_000);
  expect(await imageId("main-server", `${image.stableImage}:${image.commit}`)).toBe(image.id);
  await expectNothingLeft(site, before);
}

test.each(["SIGKILL", "SIGINT"] as const)(
  "a delivery that %s ends takes its pull and the tunnel with it",
  async (signal) => {
    const { exitCode } = await breakOff(({ pid = 0 }) => {
      // As Ctrl-C does: the whole process group.
      process.kill(signal === "SIGINT" ? -pid : pid, signal);
    });
    expect(exitCode).not.toBe(0);
    await expectRecovery();
  },
);

test("fails if the tunnel's holder is killed, and the next delivery starts another", async () => {
  const { exitCode, output } = await breakOff(async () => {
    for (const { pid, args } of await tunnelProcesses(site))
      if (args.endsWith("tunnel-holder")) process.kill(pid, "SIGKILL");
  });
  expect(exitCode).toBe(3);
  expect(output).toContain("infra-blocked: the tunnel's holder on the runner ended while the tunnel was in use");
  await expectRecovery();
});

test("fails if the way to the registry's host breaks, and says which connection it was", async () => {
  const { exitCode, output } = await breakOff(async () => {
    for (const { pid, args } of await tunnelProcesses(site)) if (/^ssh .*-L /.test(args)) process.kill(pid, "SIGKILL");
  });
  expect(exitCode).toBe(3);
  expect(output).toContain("infra-blocked: d601: the SSH connection to 127.0.0.1:");
  await expectRecovery();
});

test("fails if SSH to the target is cut in the middle of a pull", async () => {
  const rule = "INPUT -p tcp --dport 22 -j DROP";
  try {
    const { exitCode, output } = await breakOff(async () => {
      await labExec("main-server", `iptables -I ${rule}`);
    });
    expect(exitCode).toBe(3);
    expect(output).toMatch(/infra-blocked: main-server: (cannot be reached by SSH|the SSH connection to .* broke)/);
    // The target ends the pull and the port by itself, while nobody can reach it.
    await pulling(false);
    await expectNothingLeft(site, before, 30_000);
  } finally {
    await labExec("main-server", `iptables -D ${rule}`);
  }
  await expectRecovery();
});
