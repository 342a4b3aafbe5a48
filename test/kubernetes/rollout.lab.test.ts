import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { labExec } from "../../lab/index.ts";
import { rolloutDrift } from "../../lib/verdicts/k3s-drift.ts";
import { until } from "../lab-support.ts";
import {
  applyObjects,
  artifactOf,
  cleanCluster,
  crash,
  ctr,
  deploymentField,
  furnishNamespace,
  history,
  imageOf,
  imageSpec,
  kubectl,
  lies,
  liveImage,
  namespace,
  neverHealthy,
  podNames,
  receipt,
  rolloutSpec,
  said,
  second,
  seenOn,
  targetOf,
  third,
  useCluster,
  workload,
} from "./rollout-support.ts";

const { site, steps } = useCluster();
const options = { receipt };
const passRollout = (commit: string) => steps.pass("k3s-rollout", rolloutSpec(commit, 60), ["d601"], options);
const failRollout = (commit: string, seconds?: number) =>
  steps.fail("k3s-rollout", rolloutSpec(commit, seconds), ["d601"], options);
const check = (commit: string) => steps.pass("k3s-health-check", rolloutSpec(commit, 90), ["d601"]);

/** What a diff would show. */
async function drift(commit: string): Promise<string | undefined> {
  const target = targetOf();
  const subject = { service: "frontend", commit, target };
  return rolloutDrift(artifactOf(commit), target, await seenOn(site, subject));
}

beforeAll(async () => {
  await furnishNamespace();
  await Promise.all(
    [second, third, crash, neverHealthy, lies].map((commit) =>
      steps.pass("containerd-image", imageSpec(commit), ["d601"]),
    ),
  );
});

afterAll(async () => {
  await cleanCluster();
  await site.close();
});

test("a first rollout that fails is scaled to 0", async () => {
  await applyObjects(crash);
  const first = steps.fail("k3s-rollout", rolloutSpec(crash, 12, null), ["d601"], options);
  expect(await first).toContain("first deployment: scaled to 0");
  await until(
    "its pod is gone",
    120_000,
    async () => (await kubectl("-n", namespace, "get", "pods", "-o", "name")) === "",
  );
  expect(await drift(second)).toBe("live commit 672ec92, pinned 86e6086");
});

test("a rollout is verified, and a second run changes nothing", async () => {
  await applyObjects(second);
  await passRollout(second);
  expect((await history()).at(-1)).toMatchObject({ commit: second, result: "deployed" });
  // Nothing ran before, so nobody was without it.
  expect((await history()).at(-1)).toMatchObject({ downtimeSeconds: null });
  const before = await podNames();
  expect(await passRollout(second)).toContain("rolled out already");
  expect(await podNames()).toEqual(before);
  expect(await history()).toHaveLength(2);
  expect(await check(second)).toContain(`say ${second}`);
  expect(await drift(second)).toBeUndefined();
});

test("fails if the container crashes: events, last lines, and the previous revision answers", async () => {
  await applyObjects(crash);
  const output = await failRollout(crash, 90);
  expect(output).toContain("RuntimeError: frontend: assets/manifest.json is missing");
  expect(output).toMatch(/events of pod [\s\S]*BackOff/);
  expect(output).toContain("the previous commit 86e6086 answers again");
  expect(output).not.toContain("value-that-nobody-prints");
  expect(await liveImage()).toBe(imageOf(second));
  const past = { previousCommit: second, downtimeSeconds: 0 };
  expect((await history()).at(-1)).toMatchObject({ commit: crash, result: "restored", ...past });
  await check(second);
});

test("a paused Deployment is resumed, also on the way back", async () => {
  const pause = () => kubectl("-n", namespace, "rollout", "pause", `deployment/${workload}`);
  await pause();
  expect(await drift(second)).toBe("rollouts paused");
  expect(await passRollout(second)).toContain(`resuming ${workload}, which somebody had paused`);
  expect(await drift(second)).toBeUndefined();
  await applyObjects(neverHealthy);
  const started = steps.start("k3s-rollout", rolloutSpec(neverHealthy, 60), ["d601"], options);
  await said(started, "waiting for 1 rollout");
  await pause();
  const { exitCode, all } = await started;
  expect(exitCode).toBe(1);
  expect(all).toMatch(/Deployment pause: expected not paused, found paused[\s\S]*the previous commit 86e6086 answers/);
});

test("fails if it never gets ready, or is ready and says another commit", async () => {
  await applyObjects(neverHealthy);
  expect(await failRollout(neverHealthy, 30)).toMatch(/pod readiness[\s\S]*answers again/);
  await applyObjects(lies);
  expect(await failRollout(lies, 90)).toMatch(/deploy\.commit: expected 21019758[\s\S]*answers again/);
  expect(await liveImage()).toBe(imageOf(second));
});

test("fails if the image is not on the node", async () => {
  await ctr("images", "rm", imageOf(third));
  await applyObjects(third);
  expect(await failRollout(third)).toMatch(/delivered image[\s\S]*answers again/);
  await steps.pass("containerd-image", imageSpec(third), ["d601"]);
});

test("a pod whose image was gone answers again once that is back", async () => {
  await applyObjects(second);
  await passRollout(second);
  await ctr("images", "rm", imageOf(second));
  await kubectl("-n", namespace, "delete", "pod", "-l", `app=${workload}`);
  await until("its successor lacks the image", 120_000, async () =>
    (await kubectl("-n", namespace, "get", "pods")).includes("ErrImageNeverPull"),
  );
  await steps.pass("containerd-image", imageSpec(second), ["d601"]);
  // The kubelet looks again by itself, or the step makes new pods: whatever is faster.
  await passRollout(second);
  expect(await drift(second)).toBeUndefined();
});

test("a pod of something else under the commit's name is replaced once the name is right again", async () => {
  await ctr("images", "tag", "--force", imageOf(third), imageOf(second));
  await kubectl("-n", namespace, "delete", "pod", "-l", `app=${workload}`);
  const status = `k3s kubectl -n ${namespace} rollout status deployment/${workload} --timeout=150s`;
  await labExec("d601", status, { timeoutMs: 170_000 });
  expect(await drift(second)).toContain("image");
  await steps.pass("containerd-image", imageSpec(second), ["d601"]);
  expect(await passRollout(second)).toContain(`new pods of ${workload}`);
  expect(await drift(second)).toBeUndefined();
});

test("a killed runner leaves the old pod answering; the next look shows it and the next apply ends it", async () => {
  await applyObjects(neverHealthy);
  const started = steps.start("k3s-rollout", rolloutSpec(neverHealthy, 60), ["d601"], options);
  await sleep(3000);
  process.kill(-(started.pid ?? 0), "SIGKILL");
  await started;
  expect(
    await kubectl("get", "--raw", `/api/v1/namespaces/${namespace}/services/${workload}:8080/proxy/health`),
  ).toContain(second);
  expect(await drift(neverHealthy)).toBe("pods not on the commit");
  const output = await failRollout(neverHealthy);
  expect(output).toContain("the previous commit 86e6086 answers again");
});

test("a pod that Kubernetes did not make, of an old commit, is seen", async () => {
  const spec = { containers: [{ name: "old", image: imageOf(third), imagePullPolicy: "Never" }] };
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "old", namespace, labels: { app: workload } }, spec };
  await labExec("d601", ["k3s", "kubectl", "apply", "-f", "-"], {
    input: JSON.stringify({ ...pod, metadata: { ...pod.metadata, labels: { app: workload, old: "yes" } } }),
  });
  await until("the pod runs", 120_000, async () =>
    (await kubectl("-n", namespace, "get", "pod", "old")).includes("Running"),
  );
  const found = await kubectl("-n", namespace, "get", "pods", "-l", `app=${workload}`, "-o", "name");
  // A ReplicaSet adopts what it matches only with its hash: this one stays by itself.
  expect(found).toContain("pod/old");
  expect(await steps.fail("k3s-health-check", rolloutSpec(second, 2), ["d601"])).toMatch(
    /pod image: expected .*86e6086.* pod old/,
  );
  expect(await drift(second)).toBe("pods not on the commit");
  await kubectl("-n", namespace, "delete", "pod", "old", "--wait=true");
});

test("a container that somebody's webhook puts beside it is not taken for the service's own", async () => {
  await applyObjects(second);
  await passRollout(second);
  const proxy = { name: "a-proxy", image: "docker.io/unidesk-lab/pause:1", imagePullPolicy: "Never" };
  const patch = JSON.stringify({ spec: { template: { spec: { containers: [proxy] } } } });
  await kubectl("-n", namespace, "patch", "deployment", workload, "-p", patch);
  expect(await deploymentField(".spec.template.spec.containers[*].name")).toMatch(/a-proxy/);
  await passRollout(second);
  await check(second);
  expect(await drift(second)).toBeUndefined();
  // Nor on the way back, where it is the first of them.
  await applyObjects(neverHealthy);
  expect(await failRollout(neverHealthy)).toContain("the previous commit 86e6086 answers again");
  expect(await drift(second)).toBeUndefined();
});

test("without the API it says so and changes nothing", async () => {
  // It would wait a minute for its clients.
  await labExec("d601", "systemctl stop --no-block k3s-apiserver; systemctl kill --signal=KILL k3s-apiserver");
  try {
    const { exitCode, output } = await steps.run("k3s-rollout", rolloutSpec(second), ["d601"], options);
    expect(exitCode).toBe(3);
    expect(output).toMatch(/infra-blocked[\s\S]*cluster gives no answer/);
  } finally {
    await labExec("d601", "systemctl start k3s-apiserver");
  }
  // It answers in some seconds: a check waits for it.
  await check(second);
  await until("the API answers", 90_000, async () => (await kubectl("get", "--raw", "/readyz")) === "ok");
});
