import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HostName, hostsFile, labExec } from "../../lab/index.ts";
import { loadSite } from "../../lib/config/site.ts";
import { rollAuth, settleAuth } from "../../lib/kubernetes/auth-rollout.ts";
import { type AuthSyncSpec, clusterOf, type K3sTarget } from "../../lib/kubernetes/target.ts";
import { authKey } from "../../lib/observe/auth.ts";
import { observeHost } from "../../lib/observe/host.ts";
import { authSyncDrift } from "../../lib/verdicts/auth-sync.ts";
import { StepRunner } from "../lab-steps.ts";
import { checkout, fileOn, LabSite, until, writeOn } from "../lab-support.ts";

const namespace = "lab-auth-test";
const site = new LabSite();
const steps = new StepRunner(site);
const hosts: readonly HostName[] = ["main-server", "d601"];
const rolledKey = "dev.unidesk.auth-hmac";
const configJson = "/home/ubuntu/unidesk/config.json";
let spec: AuthSyncSpec;
let before: { readonly bytes: string };

const kubectl = (...args: string[]) => labExec("d601", ["k3s", "kubectl", "-n", namespace, ...args]);
const sync = () => steps.pass("auth-sync", spec, hosts);
const version = async () =>
  await kubectl("get", "secret/auth", "configmap/auth", "-o", "jsonpath={.items[*].metadata.resourceVersion}");
/** What the rollout does before and after it verified the pods. */
const target = (): K3sTarget => ({
  ...spec,
  workloads: spec.deployments.map((name) => ({ name, port: 8080 })),
  health: { path: "/health", deadlineSeconds: 10 },
  registryPort: 5000,
});
const roll = () => rollAuth(site.connection("d601"), target(), { secret: "auth" });
const settle = (outcome: "verified" | "undone") =>
  settleAuth(site.connection("d601"), target(), { secret: "auth" }, outcome);
const rolled = async () => {
  const deployment = JSON.parse(await kubectl("get", "deployment", "frontend", "-o", "json"));
  return deployment.spec.template.metadata.annotations?.[rolledKey] as string | undefined;
};
const config = () => JSON.parse(before.bytes) as { auth: Record<string, unknown> };
const writeAuth = (changes: Record<string, unknown>) => {
  const changed = config();
  const text = JSON.stringify({ ...changed, auth: { ...changed.auth, ...changes } });
  return writeOn("main-server", configJson, Buffer.from(text, "utf8").toString("latin1"));
};
async function drift(): Promise<string | undefined> {
  const seen: (string | undefined)[] = [];
  await until("both ends are seen", 90_000, async () => {
    const looks = await Promise.all(
      hosts.map((name) => observeHost(site.connection(name), { services: [], auth: [spec] })),
    );
    site.printed.push(JSON.stringify(looks.map(({ auth }) => [...auth])));
    const [source, target] = looks.map(({ auth }) => auth.get(authKey(spec)));
    if (target?.target) seen.push(authSyncDrift(spec, target.target, source?.source));
    return seen.length > 0;
  });
  return seen[0];
}

beforeAll(async () => {
  await site.open();
  spec = {
    ...clusterOf(loadSite(checkout, { UNIDESK_HOSTS: hostsFile })),
    source: { host: "main-server", configJson },
    namespace,
    sync: {
      secret: { name: "auth", keys: { sessionSecret: "SESSION_SECRET", passwordHash: "PASSWORD_HASH" } },
      configMap: { name: "auth", keys: { username: "USERNAME" } },
    },
    deployments: ["frontend", "not-there"],
  };
  before = await fileOn("main-server", configJson);
});
afterAll(async () => {
  await writeOn("main-server", configJson, before.bytes);
  await labExec("d601", ["k3s", "kubectl", "delete", "namespace", namespace, "--ignore-not-found", "--wait=false"]);
  await site.close();
});

test("fails if the namespace is not there", async () => {
  expect(await steps.fail("auth-sync", spec, hosts)).toBe(
    [
      `d601: could not sync auth to ${namespace} (exit 4)`,
      `  found:   the namespace ${namespace} is not there`,
      "  remedy:  apply again: the step before this one makes the namespace",
    ].join("\n"),
  );
  await labExec("d601", ["k3s", "kubectl", "create", "namespace", namespace]);
  expect(await drift()).toBe("Secret auth missing");
});

test("brings the fields over and nothing of them anywhere else, and a second run changes nothing", async () => {
  const values = [config().auth.sessionSecret, config().auth.passwordHash] as string[];
  const watch = "for i in $(seq 80); do ps -eo args; sleep 0.03; done";
  const [printed, ...processes] = await Promise.all([
    sync(),
    ...hosts.map((host) => labExec(host, watch)),
    execa("bash", ["-c", watch]).then(({ stdout }) => stdout),
  ]);
  expect(printed.split("\n")).toEqual([`Secret ${namespace}/auth created`, `ConfigMap ${namespace}/auth created`]);
  expect(processes.join("\n")).toContain("auth-sync");
  const secret = JSON.parse(await kubectl("get", "secret", "auth", "-o", "json"));
  const decoded = Object.fromEntries(
    Object.entries(secret.data as Record<string, string>).map(([key, value]) => [
      key,
      Buffer.from(value, "base64").toString(),
    ]),
  );
  expect(decoded).toEqual({ SESSION_SECRET: values[0], PASSWORD_HASH: values[1] });
  expect(JSON.parse(await kubectl("get", "configmap", "auth", "-o", "json")).data).toEqual({ USERNAME: "operator" });
  expect(Object.keys(secret.metadata.annotations).sort()).toEqual([
    "dev.unidesk.auth-data",
    "dev.unidesk.auth-pods",
    "dev.unidesk.auth-source",
  ]);

  const versions = await version();
  expect((await sync()).split("\n")).toEqual([
    `Secret ${namespace}/auth unchanged`,
    `ConfigMap ${namespace}/auth unchanged`,
  ]);
  expect(await version()).toBe(versions);
  expect(await drift()).toBeUndefined();

  const files = await execa(
    "bash",
    ["-c", 'grep -rlF -e "$A" -e "$B" -- "$@" || true', "grep", site.folder, `${checkout}/.unidesk`],
    {
      env: { A: values[0], B: values[1] },
    },
  );
  expect(files.stdout).toBe("");
  for (const value of values) {
    expect(`${processes.join("\n")}\n${site.printed.join("\n")}\n${JSON.stringify(secret.metadata)}`).not.toContain(
      value,
    );
    const encoded = Buffer.from(value).toString("base64");
    expect(`${processes.join("\n")}\n${site.printed.join("\n")}\n${JSON.stringify(secret.metadata)}`).not.toContain(
      encoded,
    );
  }
});

test("a changed field is seen and synced, and the rollout rolls the Deployments that are there, once", async () => {
  await kubectl("create", "deployment", "frontend", "--image=127.0.0.1:5000/none:1", "--replicas=0");
  // Its pods came after the data.
  expect(await sync()).not.toContain("rolled");
  expect(await roll()).toEqual([]);
  expect(await rolled()).toBeUndefined();
  expect(await drift()).toBeUndefined();

  await writeAuth({ sessionSecret: 'lab-auth-test other secret "é" $HOME' });
  expect(await drift()).toBe("auth of main-server changed");
  expect((await sync()).split("\n")).toEqual([
    `Secret ${namespace}/auth changed`,
    `ConfigMap ${namespace}/auth unchanged`,
    `the pods of ${namespace}/auth are to be rolled`,
  ]);
  expect(await rolled(), "Terraform's provider would write it back").toBeUndefined();
  expect(await drift()).toBe("pods run with an older auth");
  expect(await roll()).toEqual(["frontend"]);
  const first = await rolled();
  expect(first).toMatch(/^[0-9a-f]{64}$/);
  expect(await drift(), "nobody has verified them").toBe("pods run with an older auth");
  expect(await roll()).toEqual([]);
  await settle("verified");
  expect(await sync()).not.toContain("to be rolled");
  expect(await rolled()).toBe(first);
  expect(await drift()).toBeUndefined();
  const live = await kubectl("get", "secret", "auth", "-o", "jsonpath={.data.SESSION_SECRET}");
  expect(Buffer.from(live, "base64").toString()).toBe('lab-auth-test other secret "é" $HOME');
  expect(site.printed.join("\n")).not.toContain("lab-auth-test other secret");
});

test("a run that was cut before the pods were verified is seen and finished", async () => {
  const id = "a".repeat(64);
  await kubectl("annotate", "--overwrite", "secret/auth", `dev.unidesk.auth-pods=pending ${id}`);
  expect(await drift()).toBe("pods run with an older auth");
  expect(await sync()).toContain(`the pods of ${namespace}/auth are to be rolled`);
  expect(await roll()).toEqual(["frontend"]);
  expect(await rolled()).toBe(id);
  await settle("verified");
  expect(await drift()).toBeUndefined();
});

test("an older template, as after an undo or an update by a plan that was made before, is seen and rolled again", async () => {
  const current = await rolled();
  const annotate = (sync: string) =>
    kubectl(
      ...["patch", "deployment", "frontend", "--type=merge", "-p"],
      JSON.stringify({ spec: { template: { metadata: { annotations: { [rolledKey]: sync } } } } }),
    );
  await annotate("b".repeat(64));
  expect(await drift()).toBe("pods run with an older auth");
  await settle("undone");
  expect(await kubectl("get", "secret", "auth", "-o", "jsonpath={.metadata.annotations}")).toContain(
    `pending ${current}`,
  );
  // What says it is verified is believed where the templates say the same.
  await settle("verified");
  expect(await drift()).toBe("pods run with an older auth");
  expect(await roll()).toEqual(["frontend"]);
  await settle("verified");
  // Where an undo brings a template of the same data, nothing is pending.
  await settle("undone");
  expect(await drift()).toBeUndefined();
});

test("an edited Secret, a deleted ConfigMap and a deleted Secret are seen and put right", async () => {
  await kubectl("patch", "secret", "auth", "--type=merge", "-p", '{"data":{"EXTRA":"eA=="}}');
  expect(await drift()).toBe("Secret auth edited");
  expect(await sync()).toContain("Secret lab-auth-test/auth changed");
  expect(await kubectl("get", "secret", "auth", "-o", "jsonpath={.data.EXTRA}")).toBe("");
  await kubectl("patch", "configmap", "auth", "--type=merge", "-p", '{"data":{"USERNAME":"somebody"}}');
  expect(await drift()).toBe("ConfigMap auth edited");
  await kubectl("delete", "configmap", "auth");
  expect(await drift()).toBe("ConfigMap auth missing");
  expect(await sync()).toContain("ConfigMap lab-auth-test/auth created");
  await kubectl("delete", "secret", "auth");
  expect(await drift()).toBe("Secret auth missing");
  expect(await sync()).toContain("Secret lab-auth-test/auth created");
  expect(await drift()).toBe("pods run with an older auth");
  expect(await roll()).toEqual(["frontend"]);
  await settle("verified");
  expect(await drift()).toBeUndefined();
});

test.each([
  [{ passwordHash: undefined }, "field passwordHash is absent"],
  [{ passwordHash: 7 }, "field passwordHash is not a string"],
  [{ passwordHash: "" }, "field passwordHash is empty"],
])("fails if a field is no text, and changes nothing: %o", async (changes, problem) => {
  const versions = await version();
  await writeAuth(changes);
  expect(await drift()).toBe(`auth of main-server: ${problem}`);
  expect(await steps.fail("auth-sync", spec, hosts)).toBe(
    [
      `main-server ${configJson}: .auth: ${problem}`,
      "  allowed: a text that is not empty",
      `  remedy:  correct ${configJson} on main-server; nothing was changed`,
    ].join("\n"),
  );
  expect(await version()).toBe(versions);
});

test("fails if config.json is not JSON or not there", async () => {
  await writeOn("main-server", configJson, `${before.bytes.trimEnd().slice(0, -1)}`);
  expect(await steps.fail("auth-sync", spec, hosts)).toContain(`found:   ${configJson} is not valid JSON`);
  const other = { ...spec, source: { ...spec.source, configJson: "/home/ubuntu/none.json" } };
  expect(await steps.fail("auth-sync", other, hosts)).toContain("found:   /home/ubuntu/none.json is not there");
});
