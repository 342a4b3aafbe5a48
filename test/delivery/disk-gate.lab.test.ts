import { expect, test } from "vitest";
import { labExec } from "../../lab/index.ts";
import type { StepSpecs } from "../../lib/steps/specs.ts";
import { lines, registry, until } from "../lab-support.ts";
import { deliverySpec, pushImage, type TestImage, useDeliveryLab } from "./lab-images.ts";

const { steps } = useDeliveryLab();
const hosts = ["d601", "main-server"] as const;

/** Runs `use` with Docker of main-server on an empty disk of that size. */
async function withSmallDisk<T>(megabytes: number, use: () => Promise<T>): Promise<T> {
  const docker = async (...between: string[]) => {
    const units = "docker.socket docker";
    // systemd starts nothing that was started several times a moment ago, unless it is told to forget that.
    const start = [`systemctl reset-failed ${units}`, `systemctl start ${units}`];
    const script = [`systemctl stop ${units}`, ...between, ...start].join("\n");
    await labExec("main-server", script, { timeoutMs: 100_000 });
  };
  const everything = () =>
    labExec("main-server", "docker info -f '{{.Driver}}'; docker ps -aq | sort; docker image ls -aq | sort");
  const before = await everything();
  await docker(`mount -t tmpfs -o size=${megabytes}m tmpfs /var/lib/docker`);
  try {
    return await use();
  } finally {
    // One layer: below it is the host's own disk, which -R would take away too.
    await docker("umount /var/lib/docker/* 2>/dev/null || true", "umount /var/lib/docker");
    await until("docker answers again, with all that it had", 30_000, async () => (await everything()) === before);
  }
}

function preflightSpec(...images: TestImage[]): StepSpecs["artifact-preflight"] {
  const pins = images.map((image) => ({ ...deliverySpec(image).artifact, stableImage: image.stableImage }));
  return { registry: { host: "d601", port: registry.port }, target: "main-server", pins };
}

test("fails before anything is pulled if the disk cannot hold the missing layers", async () => {
  const small = await pushImage("small", "1".repeat(40), [["disk-a", 8]]);
  const other = await pushImage("other", "2".repeat(40), [
    ["disk-a", 8],
    ["disk-b", 24],
  ]);
  const third = await pushImage("third", "3".repeat(40), [
    ["disk-a", 8],
    ["disk-c", 24],
  ]);
  await withSmallDisk(150, async () => {
    const images = async () => lines(await labExec("main-server", "docker image ls -aq"));
    // 64 MiB stay free, and every layer counts twice: compressed and unpacked. One of the two large ones fits, both do not.
    await steps.pass("artifact-preflight", preflightSpec(small, other), hosts);
    const refused = await steps.fail("artifact-preflight", preflightSpec(small, other, third), hosts);
    expect(refused).toMatch(
      /^preflight: nothing was changed, because the disk of main-server cannot hold the missing layers\nut-small, ut-other, ut-third: disk space for images: expected 18\d\.\d MB free, found 1[45]\d\.\d MB \(looked at main-server \/var\/lib\/docker\)\n {2}remedy: {2}make room on main-server; docker image prune /,
    );
    expect(await images()).toEqual([]);
    await labExec("main-server", "fallocate -l 40M /var/lib/docker/filler");
    const spec = deliverySpec(other);
    expect(await steps.fail("image-delivery", spec, hosts)).toMatch(
      /^2 of 2 layers missing, 33\.6 MB\nnothing was pulled, because the disk of main-server cannot hold the missing layers\nut-other: disk space/,
    );
    expect(await images()).toEqual([]);
    // What is there already needs no room.
    await steps.pass("image-delivery", deliverySpec(small), hosts);
    await labExec("main-server", "rm /var/lib/docker/filler; fallocate -l 120M /var/lib/docker/filler");
    await steps.pass("artifact-preflight", preflightSpec(small), hosts);
  });
});
