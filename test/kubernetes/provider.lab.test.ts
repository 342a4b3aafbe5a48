import { readdirSync } from "node:fs";
import { createServer } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostsFile, labExec } from "../../lab/index.ts";
import { clusterOf } from "../../lib/config/cluster.ts";
import { loadSite } from "../../lib/config/site.ts";
import type { CredentialSpec } from "../../lib/kubernetes/credential-args.ts";
import { checkout, endProcess, flat, LabSite, until } from "../lab-support.ts";
import { commitA, commitB, digestA } from "../support.ts";
import { ClusterApp, freePort, type StackOptions } from "./cluster-app.ts";
import { k3sPin } from "./pins.ts";

const namespace = "lab-provider-test";
const kubectl = (...args: string[]) => labExec("d601", ["k3s", "kubectl", "-n", namespace, ...args]);
const live = async (path: string) => kubectl("get", "deployment", "mdtodo-dev", "-o", `jsonpath={${path}}`);

/** What Terraform would take for templates. */
const braces = "a $" + "{b} %{c}";

const site = new LabSite();
const app = new ClusterApp(site);
let access: CredentialSpec;
/** Everything in the host's kubeconfig that is secret, in every form in which it could be seen. */
let secrets: string[] = [];

const stack = (commit = commitA, options: Partial<StackOptions> = {}): StackOptions => ({
  pin: k3sPin("mdtodo", commit, { namespace }, digestA),
  workload: {
    env: { MODE: braces },
    envFrom: [{ kind: "Secret", name: "absent" }],
    volumes: [
      { name: "scratch", mountPath: "/scratch", source: { kind: "EmptyDir" } },
      { name: "settings", mountPath: "/settings", source: { kind: "ConfigMap", name: "absent" } },
      { name: "keys", mountPath: "/keys", source: { kind: "Secret", name: "absent" } },
    ],
  },
  access,
  ...options,
});

beforeAll(async () => {
  await site.open();
  await labExec("d601", `k3s kubectl create namespace ${namespace} || true`);
  const { hosts } = loadSite(checkout, { UNIDESK_HOSTS: hostsFile });
  const cluster = clusterOf(hosts, checkout);
  if (!cluster) throw new Error("the lab's d601 has a cluster");
  const { apiPort, caCertificate } = cluster;
  access = { connection: site.connection("d601"), apiPort, caCertificate, localPort: await freePort() };
  const encoded = (await labExec("d601", "sed -n 's/ *client-key-data: //p' /etc/rancher/k3s/k3s.yaml")).trim();
  const [, middle = ""] = Buffer.from(encoded, "base64").toString().split("\n");
  secrets = [encoded.slice(40, 100), middle];
});

afterAll(async () => {
  const { holders } = await app.tunnels();
  for (const pid of holders) endProcess(pid);
  await labExec("d601", `k3s kubectl delete namespace ${namespace} --wait=false`);
  await site.close();
});

test("a Deployment and its Service are created, and the next plan is empty", async () => {
  await app.write(stack());
  expect((await app.apply()).output).toContain("2 added, 0 changed, 0 destroyed");
  await app.settled();
  expect(await live(".spec.template.spec.containers[0].env[0].value")).toBe(braces);
  expect(await kubectl("get", "service", "mdtodo-dev", "-o", "jsonpath={.spec.type} {.spec.ports[0].port}")).toBe(
    "ClusterIP 8080",
  );
});

test("what the rollout's steps write changes no plan", async () => {
  await kubectl("rollout", "restart", "deployment/mdtodo-dev");
  await app.settled();
});

test("drift of image, environment, annotations, replicas and a deleted Service shows, and one apply mends it", async () => {
  await kubectl("set", "image", "deployment/mdtodo-dev", "mdtodo-dev=127.0.0.1:5000/unidesk/mdtodo:other");
  await kubectl("set", "env", "deployment/mdtodo-dev", "UNIDESK_DEPLOY_REQUESTED_COMMIT=other", "EXTRA=1");
  await kubectl("annotate", "--overwrite", "deployment/mdtodo-dev", "dev.unidesk.deploy.commit=other");
  await kubectl("scale", "deployment/mdtodo-dev", "--replicas=3");
  await kubectl("delete", "service", "mdtodo-dev");

  const { output } = await app.plan();
  expect(output).toContain("Plan: 1 to add, 1 to change, 0 to destroy.");
  expect(output).toMatch(/~ image += "127.0.0.1:5000\/unidesk\/mdtodo:other" -> /);
  expect(output).toMatch(/~ replicas += 3 -> 1/);
  expect(output).toMatch(/"dev.unidesk.deploy.commit" += "other" -> /);
  expect(output).toMatch(/- name += "EXTRA" -> null/);
  expect((await app.apply()).output).toContain("1 added, 1 changed, 0 destroyed");
  await app.settled();
});

test("a Service that was opened to a network shows, and one apply closes it", async () => {
  await kubectl("patch", "service", "mdtodo-dev", "-p", '{"spec":{"type":"NodePort","externalIPs":["192.0.2.7"]}}');
  const { output } = await app.plan();
  expect(output).toContain("Plan: 0 to add, 1 to change, 0 to destroy.");
  expect(output).toMatch(/~ type += "NodePort" -> "ClusterIP"/);
  expect(output).toMatch(/- "192.0.2.7"/);
  expect((await app.apply()).output).toContain("0 added, 1 changed, 0 destroyed");
  await app.settled();
  expect(await kubectl("get", "service", "mdtodo-dev", "-o", "jsonpath={.spec}")).not.toMatch(/nodePort|externalIPs/);
});

test("a new pin changes the Deployment in place", async () => {
  await app.write(stack(commitB));
  const { output } = await app.plan();
  expect(output).toContain("Plan: 0 to add, 1 to change, 0 to destroy.");
  expect(output).toContain(`-> "127.0.0.1:5000/unidesk/mdtodo:${commitB}"`);
  await app.apply();
  expect(await live(".metadata.annotations.dev\\.unidesk\\.deploy\\.commit")).toBe(commitB);
  await app.settled();
});

test("what is live and not in the state is imported: the plan shows the fields that differ, and nothing else changes", async () => {
  const generation = await live(".metadata.generation");
  const deployment = { importDeployment: true, importService: true };
  await app.write(stack(commitA, { name: "lost", deployment }));
  const other = (await app.plan("lost")).output;
  expect(other).toContain("Plan: 2 to import, 0 to add, ");
  expect(other).toContain(`"127.0.0.1:5000/unidesk/mdtodo:${commitB}" -> "127.0.0.1:5000/unidesk/mdtodo:${commitA}"`);

  await app.write(stack(commitB, { name: "lost", deployment }));
  const same = (await app.plan("lost")).output;
  expect(same).toContain("Plan: 2 to import, 0 to add, ");
  expect(same).not.toMatch(/~ (spec|container|metadata) \{/);
  expect((await app.apply("lost")).exitCode).toBe(0);
  expect(await live(".metadata.generation"), "pods are left alone").toBe(generation);
  await app.settled("lost");
});

test("two processes at once share one tunnel, which they start", async () => {
  for (const pid of (await app.tunnels()).holders) process.kill(pid, "SIGKILL");
  const outcomes = await Promise.all([app.plan(), app.plan("lost")]);
  expect(outcomes.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  const { holders, connections } = await app.tunnels();
  expect(holders).toHaveLength(1);
  expect(connections).toHaveLength(1);
});

test("a tunnel whose SSH connection was killed opens again for the next connection", async () => {
  const { connections } = await app.tunnels();
  for (const pid of connections) process.kill(pid, "SIGKILL");
  await until("the connection is gone", 30_000, async () => (await app.tunnels()).connections.length === 0);
  await until("it opens again, without another credential command", 30_000, proven);
  const [, plan] = await Promise.all([
    app.tunnels().then((found) => {
      for (const pid of found.connections) process.kill(pid, "SIGKILL");
    }),
    app.plan(),
  ]);
  expect(plan.exitCode).toBe(0);
});

test("a tunnel that is cut again and again in the middle of an apply: nothing is replaced, and one apply more converges", async () => {
  const uid = await live(".metadata.uid");
  await app.write(stack(commitA));
  let isOver = false;
  const applying = app.apply().finally(() => {
    isOver = true;
  });
  let cut = 0;
  while (!isOver && cut < 6) {
    for (const pid of (await app.tunnels()).connections) {
      process.kill(pid, "SIGKILL");
      cut++;
    }
    await sleep(150);
  }
  await applying;
  expect(cut).toBeGreaterThan(0);
  expect((await app.apply()).exitCode).toBe(0);
  await app.settled();
  expect(await live(".metadata.uid")).toBe(uid);
  expect(await live(".metadata.annotations.dev\\.unidesk\\.deploy\\.commit")).toBe(commitA);
});

test("a tunnel that nobody uses goes away by itself: no process, no port, no socket", async () => {
  const before = await app.tunnels();
  const localPort = await freePort();
  const files = () => readdirSync(join(site.folder, `unidesk-${userInfo().uid}`)).filter((name) => /^[kt]-/.test(name));
  const others = files();
  const { reply } = await app.credential({ ...access, localPort, idleSeconds: 5 });
  expect(reply.status).toBeDefined();
  expect((await app.tunnels()).holders).toHaveLength(before.holders.length + 1);
  expect(files().length).toBeGreaterThan(others.length);
  await until("the holder has ended", 25_000, async () => {
    const { holders, connections } = await app.tunnels();
    return holders.length === before.holders.length && connections.length === before.connections.length;
  });
  expect(files()).toEqual(others);
  await new Promise<void>((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(localPort, "127.0.0.1", () => server.close(() => resolve()));
  });
});

test("fails if the API server is down, and says so in Terraform's own output", async () => {
  try {
    // What waits for its clients' ends would keep the stop waiting too.
    await labExec("d601", "systemctl kill -s KILL k3s-apiserver; systemctl stop k3s-apiserver");
    const { exitCode, output } = await app.plan();
    expect(exitCode).toBe(1);
    expect(flat(output)).toContain("infra-blocked: d601: no API server answers at its 127.0.0.1:6443");
    expect(flat(output)).toContain("remedy: on the host: systemctl status k3s");
  } finally {
    await labExec("d601", "systemctl start k3s-apiserver");
  }
  await until("the API answers again", 90_000, async () => (await app.plan()).exitCode === 0);
});

test("fails if the server is not of the pinned authority; nothing is handed out", async () => {
  const other = await labExec("d601", "cat /var/lib/rancher/k3s/server/tls/client-ca.crt");
  const { reply, stderr } = await app.credential({ ...access, caCertificate: other });
  expect(stderr).toContain("d601: the API server's certificate is not of the pinned authority");
  expect(Object.keys(reply)).toEqual(["apiVersion", "kind"]);
});

test("fails if the host has another key than the pinned ones, and says so in Terraform's own output", async () => {
  const { hostKeys } = site.connection("main-server");
  const connection = { ...access.connection, hostKeys };
  await app.write(stack(commitB, { name: "other-key", access: { ...access, connection } }));
  const { exitCode, output } = await app.apply("other-key");
  expect(exitCode).toBe(1);
  expect(flat(output)).toContain("infra-blocked: d601: the host key of");
  expect(flat(output)).toContain("is not one of the pinned keys");
});

test("fails if the host is away, sudo is refused, the kubeconfig is missing, or the port is somebody else's", async () => {
  const away = await app.credential({ ...access, connection: { ...access.connection, port: await freePort() } });
  expect(away.stderr).toContain("infra-blocked: d601: cannot be reached by SSH");

  await labExec("d601", "echo 'ubuntu ALL=(ALL) ALL' > /etc/sudoers.d/zz-test; chmod 440 /etc/sudoers.d/zz-test");
  const refused = await app.credential(access).finally(() => labExec("d601", "rm /etc/sudoers.d/zz-test"));
  expect(refused.stderr).toContain("d601: ubuntu may not read the cluster's kubeconfig");

  const kubeconfig = "/etc/rancher/k3s/k3s.yaml";
  await labExec("d601", `mv ${kubeconfig} ${kubeconfig}.aside`);
  const missing = await app.credential(access).finally(() => labExec("d601", `mv ${kubeconfig}.aside ${kubeconfig}`));
  expect(missing.stderr).toContain(`d601: ${kubeconfig} is missing`);

  const localPort = await freePort();
  const stranger = createServer().listen(localPort, "127.0.0.1");
  const taken = await app.credential({ ...access, localPort }).finally(() => stranger.close());
  expect(taken.stderr).toContain(`the runner's port 127.0.0.1:${localPort}`);
  expect(taken.reply.kind).toContain("another program listens there");
  for (const { exitCode, reply } of [away, refused, missing, taken]) {
    expect(exitCode, "the provider reads the reason only then").toBe(0);
    expect(reply).not.toHaveProperty("status");
  }
});

test("a command of another bundle than the planned one hands out nothing", async () => {
  const { stderr, reply } = await new ClusterApp(site, "0".repeat(64)).credential(access);
  expect(stderr).toContain("the step bundle is not the one that was planned");
  expect(reply).not.toHaveProperty("status");
});

test("the key is in no state, plan, configuration or output", async () => {
  const kept = [...["stack", "lost"].map((name) => app.kept(name)), ...site.printed];
  expect(secrets.every((secret) => secret.length > 30)).toBe(true);
  for (const text of kept) {
    for (const secret of secrets) expect(text.includes(secret), "the key was found").toBe(false);
    expect(text).not.toContain("PRIVATE KEY");
  }
});

/** Whether the API server proves itself at the runner's port. */
function proven(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port: access.localPort, ca: access.caCertificate, timeout: 10_000 });
    const end = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    socket
      .once("secureConnect", () => end(true))
      .once("error", () => end(false))
      .once("timeout", () => end(false))
      .once("close", () => end(false));
  });
}
