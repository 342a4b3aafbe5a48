import { afterAll, expect, test } from "vitest";
import { labExec } from "../../lab/index.ts";
import { containerdRecordPath, containerdRoot } from "../../lib/kubernetes/containerd.ts";
import { home, registry, withRegistryStopped } from "../lab-support.ts";
import { sentBytes } from "../review/lab.ts";
import {
  artifactOf,
  cleanCluster,
  ctr,
  forgetImages,
  imageOf,
  imageSpec,
  namespace,
  second,
  socket,
  third,
  useCluster,
} from "./rollout-support.ts";

const { site, steps } = useCluster();

afterAll(async () => {
  await cleanCluster();
  await site.close();
});

const deliver = (commit: string) => steps.pass("containerd-image", imageSpec(commit), ["d601"]);
const tags = () => ctr("images", "ls");
const pull = (space: string, commit: string) =>
  labExec("d601", `ctr -a ${socket} -n ${space} images pull --plain-http ${imageOf(commit)} >/dev/null`);
const recordOf = async (commit: string): Promise<{ readonly bytes?: number }> =>
  JSON.parse(await labExec("d601", ["cat", containerdRecordPath({ home }, "frontend", commit)]));

test("an image comes by digest, only what is missing of it, and is named by its commit", async () => {
  expect(await deliver(second)).toMatch(/^[1-9] of \d+ layers missing/m);
  const record = JSON.parse(await labExec("d601", ["cat", containerdRecordPath({ home }, "frontend", second)]));
  expect(record).toMatchObject({
    digest: expect.stringMatching(/^sha256:/),
    imageId: expect.stringMatching(/^sha256:/),
  });
  const found = await tags();
  expect(found).toMatch(new RegExp(`^${imageOf(second)} .* ${record.digest} .*pinned=pinned`, "m"));
  expect(found).toContain(`127.0.0.1:5000/unidesk/frontend@${record.digest}`);

  // The second one shares its base; the first one's name is left to the kubelet then.
  expect(await deliver(third)).toMatch(/^[12] of \d+ layers missing/m);
  const [older = ""] = (await tags()).split("\n").filter((line) => line.startsWith(imageOf(second)));
  expect(older).not.toContain("pinned=");
  expect(await deliver(third)).toMatch(/was already there/);
});

test("a lost name comes back without a pull, a moved one too", async () => {
  await ctr("images", "rm", imageOf(third));
  expect(await deliver(third)).toMatch(/^0 of \d+ layers missing, 0 B\n[\s\S]*already there/m);
  await ctr("images", "tag", "--force", imageOf(second), imageOf(third));
  await deliver(third);
  const record = JSON.parse(await labExec("d601", ["cat", containerdRecordPath({ home }, "frontend", third)]));
  expect(await tags()).toMatch(new RegExp(`^${imageOf(third)} .* ${record.digest} `, "m"));
});

test("without the registry a proven image is enough, and only that", async () => {
  await withRegistryStopped(async () => {
    expect(await deliver(third)).toContain("the registry is not reachable");
    await labExec("d601", ["rm", containerdRecordPath({ home }, "frontend", third)]);
    expect(await steps.fail("containerd-image", imageSpec(third), ["d601"])).toMatch(/infra-blocked.*registry/s);
  });
  await deliver(third);
});

test("what the record says is what the registry sent, and an image that was there costs nothing", async () => {
  await forgetImages();
  const sent = await sentBytes(() => deliver(second));
  expect((await recordOf(second)).bytes).toBe(sent.frontend);
  const more = await sentBytes(() => deliver(third));
  expect((await recordOf(third)).bytes).toBe(more.frontend);
  await labExec("d601", ["rm", containerdRecordPath({ home }, "frontend", third)]);
  await deliver(third);
  expect((await recordOf(third)).bytes).toBe(0);
});

test("fails to agree with the prediction if another namespace of containerd has what this one lacks", async () => {
  await forgetImages();
  await pull("ut-other", second);
  try {
    let output = "";
    const sent = await sentBytes(async () => {
      output = await deliver(second);
    });
    expect(output).toMatch(/^fetched \d+ B; \d+(\.\d)? [kM]B were expected$/m);
    expect((await recordOf(second)).bytes).toBe(sent.frontend ?? 0);
  } finally {
    await labExec("d601", `ctr -a ${socket} -n ut-other images rm --sync ${imageOf(second)} >/dev/null`);
  }
});

test("fails before anything is pulled if containerd's disk cannot hold what is missing, preflight and delivery", async () => {
  await forgetImages();
  const content = () => labExec("d601", `ctr -a ${socket} -n k8s.io content ls -q | sort`);
  const before = await content();
  const preflight = {
    registry: { host: "d601", port: registry.port },
    target: "d601",
    pins: [artifactOf(second), artifactOf(third)],
  } as const;
  const small = "disk space for images: expected \\d+\\.\\d MB free, found \\d+\\.\\d MB";
  // Seen from outside; containerd itself is not touched while nothing is pulled.
  await labExec("d601", `mount -t tmpfs -o size=32m tmpfs ${containerdRoot}`);
  try {
    expect(await steps.fail("artifact-preflight", preflight, ["d601"])).toMatch(
      new RegExp(
        `^preflight: nothing was changed, because the disk of d601 cannot hold the missing layers\nfrontend: ${small} \\(looked at d601 ${containerdRoot}\\)\n +remedy: +make room on d601; k3s crictl rmi --prune `,
      ),
    );
    expect(await steps.fail("containerd-image", imageSpec(second), ["d601"])).toMatch(
      new RegExp(`^[1-9] of \\d+ layers missing.*\nnothing was pulled, because [^\n]*\nfrontend: ${small}`),
    );
    expect(await labExec("d601", ["ls", "-A", containerdRoot])).not.toMatch(/content|snapshotter/);
  } finally {
    await labExec("d601", ["umount", containerdRoot]);
  }
  expect(await content()).toBe(before);
  await steps.pass("artifact-preflight", preflight, ["d601"]);
});

test("fails if the artifact is not as pinned", async () => {
  const digest = `sha256:${"0".repeat(64)}`;
  const spec = { ...imageSpec(second), artifact: { ...artifactOf(second), digest } };
  expect(await steps.fail("containerd-image", spec, ["d601"])).toContain("manifest digest");
});

test("a namespace is ensured, and one that is there is left alone", async () => {
  const spec = { cluster: { host: "d601", kubectl: "k3s kubectl" }, namespace } as const;
  expect(await steps.pass("k3s-namespace", spec, ["d601"])).toContain("created");
  expect(await steps.pass("k3s-namespace", spec, ["d601"])).toContain("is there");
});
