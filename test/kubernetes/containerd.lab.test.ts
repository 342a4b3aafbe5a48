import { afterAll, expect, test } from "vitest";
import { labExec } from "../../lab/index.ts";
import { containerdRecordPath } from "../../lib/kubernetes/containerd.ts";
import { home, withRegistryStopped } from "../lab-support.ts";
import {
  artifactOf,
  cleanCluster,
  ctr,
  imageOf,
  imageSpec,
  namespace,
  second,
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
  expect(await deliver(third)).toMatch(/^0 of \d+ layers missing[\s\S]*already there/m);
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
