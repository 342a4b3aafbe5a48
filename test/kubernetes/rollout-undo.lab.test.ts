import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { labExec } from "../../lab/index.ts";
import { hostPaths } from "../../lib/host-paths.ts";
import { namespaceDrift } from "../../lib/verdicts/k3s-drift.ts";
import { home, until } from "../lab-support.ts";
import {
  applyObjects,
  cleanCluster,
  furnishNamespace,
  generation,
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
  stack,
  targetOf,
  third,
  useCluster,
  workload,
} from "./rollout-support.ts";

/** What is undone, and what is not. */
const { site, steps } = useCluster();
const options = { receipt };
const passRollout = (commit: string) => steps.pass("k3s-rollout", rolloutSpec(commit, 60), ["d601"], options);
const failRollout = (commit: string, seconds?: number) =>
  steps.fail("k3s-rollout", rolloutSpec(commit, seconds), ["d601"], options);
const forgetHistory = () => labExec("d601", `sed -i '/"stack":"${stack}"/d' ${historyFile}`);
const historyFile = `${hostPaths({ home }).history}/frontend.jsonl`;

const create = (items: readonly object[]) =>
  labExec("d601", ["k3s", "kubectl", "-n", namespace, "create", "-f", "-"], {
    input: JSON.stringify({ apiVersion: "v1", kind: "List", items }),
  });

beforeAll(async () => {
  await furnishNamespace();
  await Promise.all(
    [second, third, neverHealthy, lies].map((commit) => steps.pass("containerd-image", imageSpec(commit), ["d601"])),
  );
  await applyObjects(second);
  await passRollout(second);
});

afterAll(async () => {
  await cleanCluster();
  await site.close();
});

test("foreign objects without labels or annotations hide nothing: the look and an undo work beside them", async () => {
  const pod = { containers: [{ name: "x", image: imageOf(second), imagePullPolicy: "Never" }] };
  const selector = { matchLabels: { foreign: "yes" } };
  const items = [
    { apiVersion: "v1", kind: "Pod", metadata: { name: "no-labels" }, spec: pod },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name: "no-labels" },
      addressType: "IPv4",
      endpoints: [],
    },
    {
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      metadata: { name: "no-annotations" },
      spec: { replicas: 0, selector, template: { metadata: { labels: { foreign: "yes" } }, spec: pod } },
    },
  ];
  await create(items);
  try {
    expect(await passRollout(second)).toContain("rolled out already");
    await applyObjects(neverHealthy);
    expect(await failRollout(neverHealthy)).toContain("answers again");
  } finally {
    await kubectl("-n", namespace, "delete", "pod/no-labels", "endpointslice/no-labels", "replicaset/no-annotations");
  }
});

test("an old pod that does not end is no failure of the new ones, and none of a restore", async () => {
  await applyObjects(second, 1, 300);
  await passRollout(second);
  const [old = ""] = await podNames();
  try {
    await applyObjects(third);
    const output = await steps.pass("k3s-rollout", rolloutSpec(third, 60), ["d601"], options);
    expect(output).toContain(`warning: d601 ${namespace}/${workload} pod ${old} is still ending`);
    await steps.pass("k3s-health-check", rolloutSpec(third, 10), ["d601"]);
    await applyObjects(neverHealthy);
    expect(await failRollout(neverHealthy)).toContain("the previous commit");
    expect(await liveImage()).toBe(imageOf(third));
  } finally {
    await kubectl("-n", namespace, "delete", "pod", old, "--force", "--grace-period=0", "--ignore-not-found");
  }
});

test("a changed auth rolls the pods after the objects; after an undo they are to be rolled still", async () => {
  const [one, two] = ["1".repeat(64), "2".repeat(64)];
  const says = (pods: string) =>
    kubectl("-n", namespace, "annotate", "--overwrite", "secret/auth", `dev.unidesk.auth-pods=${pods}`);
  const said = async () => {
    const secret = await kubectl("-n", namespace, "get", "secret", "auth", "-o", "json");
    const deployment = await kubectl("-n", namespace, "get", "deployment", workload, "-o", "json");
    return [
      JSON.parse(secret).metadata.annotations["dev.unidesk.auth-pods"],
      JSON.parse(deployment).spec.template.metadata.annotations?.["dev.unidesk.auth-hmac"],
    ];
  };
  const spec = (commit: string, deadline = 60) => ({ ...rolloutSpec(commit, deadline), auth: { secret: "auth" } });
  await kubectl("-n", namespace, "create", "secret", "generic", "auth", "--from-literal=X=y");
  await says(`pending ${one}`);
  await applyObjects(second);
  expect(await steps.pass("k3s-rollout", spec(second), ["d601"], options)).toContain(
    `${workload} rolls: its auth changed`,
  );
  expect(await said()).toEqual([`rolled ${one}`, one]);
  expect(await steps.pass("k3s-rollout", spec(second), ["d601"], options)).toContain("rolled out already");

  await says(`pending ${two}`);
  await applyObjects(neverHealthy);
  const output = await steps.fail("k3s-rollout", spec(neverHealthy, 12), ["d601"], options);
  expect(output).toMatch(/rolls: its auth changed[\s\S]*the previous commit 86e6086 answers again/);
  expect(await said()).toEqual([`pending ${two}`, one]);

  await applyObjects(second);
  await steps.pass("k3s-rollout", spec(second), ["d601"], options);
  expect(await said()).toEqual([`rolled ${two}`, two]);
});

test("what this run did not change is not undone, also where nobody knows that it was ever verified", async () => {
  await applyObjects(third);
  await passRollout(third);
  // An older revision that answers well would be there.
  await forgetHistory();
  await kubectl("-n", namespace, "delete", "service", workload);
  const items = [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: workload },
      spec: { selector: { app: "nobody" }, ports: [{ name: "http", port: 8080 }] },
    },
  ];
  await create(items);
  try {
    const before = await generation();
    const { seen: _, ...unseen } = rolloutSpec(third);
    for (const spec of [rolloutSpec(third, 12, before), unseen]) {
      const output = await steps.fail("k3s-rollout", spec, ["d601"], options);
      expect(output).toMatch(/Service endpoints[\s\S]*nothing was undone: this run changed no Deployment of it/);
      expect(await generation()).toBe(before);
    }
  } finally {
    await kubectl("-n", namespace, "delete", "service", workload);
    await applyObjects(third);
  }
  expect(await passRollout(third)).toContain("waiting for 1 rollout");
  expect((await history()).at(-1)).toMatchObject({ commit: third, result: "deployed" });
});

test("pods that may not be made are explained, and nobody waits for them until the deadline", async () => {
  await applyObjects(third);
  await passRollout(third);
  const quota = { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "ut" }, spec: { hard: { pods: "1" } } };
  await create([quota]);
  // It holds from when its controller has counted.
  await until("the quota holds", 120_000, async () => {
    const hard = "jsonpath={.status.hard.pods}";
    return (await kubectl("-n", namespace, "get", "resourcequota", "ut", "-o", hard)) === "1";
  });
  try {
    await applyObjects(second);
    const output = await steps.fail("k3s-rollout", rolloutSpec(second, 90), ["d601"], options);
    expect(output).toContain("waiting would not change that");
    expect(output).toMatch(/new pods: expected allowed, found .*exceeded quota: ut/);
    expect(output).toMatch(
      /Deployment frontend-ut has fewer pods than it wants:\n {2}\| FailedCreate: .*exceeded quota/,
    );
    expect(output).toContain("the previous commit");
    expect(await liveImage()).toBe(imageOf(third));
  } finally {
    await kubectl("-n", namespace, "delete", "resourcequota", "ut");
  }
});

test("a namespace that is being deleted is seen as such; its step says so, waits, and makes it anew", async () => {
  const name = "ut-ending";
  const metadata = { name, namespace: name, finalizers: ["example.org/ut"] };
  const items = [
    { apiVersion: "v1", kind: "Namespace", metadata: { name } },
    { apiVersion: "v1", kind: "ConfigMap", metadata },
  ];
  await labExec("d601", ["k3s", "kubectl", "create", "-f", "-"], {
    input: JSON.stringify({ apiVersion: "v1", kind: "List", items }),
  });
  try {
    await kubectl("delete", "namespace", name, "--wait=false");
    const subject = { service: "frontend", commit: second, target: { ...targetOf(), namespace: name } };
    expect(namespaceDrift(name, await seenOn(site, subject))).toBe(`namespace ${name} is being deleted`);
    const step = steps.start("k3s-namespace", { cluster: targetOf(), namespace: name }, ["d601"]);
    await said(step, `namespace ${name} is being deleted by somebody; waiting for its end`);
    await kubectl("-n", name, "patch", "configmap", name, "--type=merge", "-p", '{"metadata":{"finalizers":[]}}');
    const { exitCode, all } = await step;
    expect(exitCode, all).toBe(0);
    expect(all).toContain(`namespace ${name} created`);
  } finally {
    await kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false");
  }
});

test("an API that is away in the middle of a rollout is waited for, on the way back too", {
  timeout: 500_000,
}, async () => {
  const outage = async () => {
    await labExec("d601", "systemctl stop --no-block k3s-apiserver; systemctl kill --signal=KILL k3s-apiserver");
    await sleep(6000);
    await labExec("d601", "systemctl start k3s-apiserver");
  };
  const ready = async () => (await kubectl("get", "--raw", "/readyz")) === "ok";
  const commit = (await liveImage()) === imageOf(third) ? second : third;
  await applyObjects(commit);
  const forward = steps.start("k3s-rollout", rolloutSpec(commit, 140), ["d601"], options);
  await said(forward, "waiting for 1 rollout");
  await outage();
  const { exitCode, all } = await forward;
  expect(exitCode, all).toBe(0);
  await until("the API answers", 90_000, ready);
  // It fails at once, so that all of the time is for the way back: whoever works for the API comes back long after it.
  await applyObjects(lies);
  const back = steps.start("k3s-rollout", rolloutSpec(lies, 120), ["d601"], options);
  await said(back, "undoing this rollout");
  await outage();
  const undone = await back;
  expect(undone.exitCode).toBe(1);
  expect(undone.all).toContain(`the previous commit ${commit.slice(0, 7)} answers again`);
  await until("the API answers", 90_000, ready);
  expect(await liveImage()).toBe(imageOf(commit));
});

test("a verified rollout stays where its history cannot be written, and the next apply writes the line", async () => {
  await applyObjects(second);
  await passRollout(second);
  await labExec("d601", `chown root:root ${historyFile} && chmod 444 ${historyFile}`);
  try {
    await applyObjects(third);
    const output = await failRollout(third, 60);
    expect(output).toContain(
      `frontend is live at ${third} and was verified, but that could not be written down; nothing was undone`,
    );
    expect(output).not.toContain("undoing this rollout");
  } finally {
    await labExec("d601", `chown ubuntu:ubuntu ${historyFile} && chmod 644 ${historyFile}`);
  }
  expect(await liveImage()).toBe(imageOf(third));
  await passRollout(third);
  expect((await history()).at(-1)).toMatchObject({ commit: third, result: "deployed" });
});
