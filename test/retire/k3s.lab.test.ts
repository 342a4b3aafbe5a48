import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { approverFile, labCommits, labExec } from "../../lab/index.ts";
import { hostPaths } from "../../lib/host-paths.ts";
import { serviceLock } from "../../lib/kubernetes/target.ts";
import { home, LabSite, lines, until } from "../lab-support.ts";

const site = new LabSite();
const namespace = "unidesk-dev";
const { first: commit, second: otherCommit } = labCommits.unidesk;
const paths = hostPaths({ home });
/** Nothing is pinned. */
const unpinned = { pins: {} };
const retired = { service: "claudeqq", names: ["claudeqq-dev"] };
const roles = ["scheduler", "read", "write", "provider-egress-proxy"];
const supervised = { service: "code-queue", names: roles.map((role) => `code-queue-${role}-dev`) };

const kubectl = (args: readonly string[], input = "") =>
  labExec("d601", ["k3s", "kubectl", "-n", namespace, ...args], { input });
const objectNames = (names: readonly string[]) => names.flatMap((name) => [`deployment/${name}`, `service/${name}`]);
const there = async (names: readonly string[]) =>
  lines(await kubectl(["get", "--ignore-not-found", "-o", "name", ...objectNames(names)]));
const retire = ({ service }: typeof retired, ...rest: string[]) =>
  site.unidesk(["retire", service, "--env", "dev", ...rest], unpinned);
let before: object[] = [];

/** What the cluster made of an object is left out. */
interface LiveObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly spec: Readonly<Record<string, unknown>>;
}
function declared({ apiVersion, kind, metadata, spec }: LiveObject): object {
  const { name, labels, annotations } = metadata;
  const { clusterIP: _, clusterIPs: __, ...rest } = spec;
  return { apiVersion, kind, metadata: { name, namespace, labels, annotations }, spec: rest };
}
const create = (items: readonly object[]) =>
  kubectl(
    ["apply", "--server-side", "--force-conflicts", "-f", "-"],
    JSON.stringify({ apiVersion: "v1", kind: "List", items }),
  );

/** Pods of an image that is not there: they are, and that is all that a retirement needs. */
async function start(
  { service, names }: typeof retired,
  at = commit,
  image = `127.0.0.1:5000/unidesk/${service}:${at}`,
) {
  await create(
    names.flatMap((name) => {
      const labels = { app: name };
      const containers = [{ name, image, imagePullPolicy: "Never" }];
      return [
        {
          apiVersion: "apps/v1",
          kind: "Deployment",
          metadata: { name, namespace, labels },
          spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers } } },
        },
        {
          apiVersion: "v1",
          kind: "Service",
          metadata: { name, namespace, labels },
          spec: { selector: labels, ports: [{ port: 8080, targetPort: 8080 }] },
        },
      ];
    }),
  );
}

beforeAll(async () => {
  await site.open();
  await labExec("d601", `k3s kubectl create namespace ${namespace} 2>/dev/null || true`);
  const names = [...retired.names, ...supervised.names];
  const text = await kubectl(["get", "--ignore-not-found", "-o", "json", ...objectNames(names)]);
  before = text ? (JSON.parse(text) as { items: LiveObject[] }).items.map(declared) : [];
  await kubectl(["delete", "--ignore-not-found", ...objectNames(names)]);
  await start(retired);
  await start(supervised);
});
afterAll(async () => {
  await kubectl(["delete", "--ignore-not-found", ...objectNames([...retired.names, ...supervised.names])]);
  if (before.length > 0) await create(before);
  await site.close();
});

test("refuses while deploy.json pins it", async () => {
  const file = join(site.folder, "dev.json");
  writeFileSync(file, JSON.stringify({ version: 1, environments: { dev: { [retired.service]: { commit } } } }));
  const { exitCode, output } = await site.unidesk(["retire", retired.service, "--env", "dev"], {
    env: { UNIDESK_DEPLOY_FILE: file },
  });
  expect(output).toContain(`remove environments.dev.${retired.service} from`);
  expect(exitCode).toBe(1);
  expect(await there(retired.names)).toHaveLength(2);
});

test("refuses while a deployment holds the service", async () => {
  const lock = serviceLock({ home }, namespace, retired.service);
  const hold = `mkdir -p ${paths.locks}; echo "m/1 $(date +%s) claudeqq ${commit} ann@laptop" > ${lock}; exec flock ${lock} sleep 60`;
  await labExec("d601", [
    ..."systemd-run --quiet --collect --unit=ut-retire-k3s --uid=ubuntu".split(" "),
    ...["sh", "-c", hold],
  ]);
  try {
    await until(
      "the lock is held",
      60_000,
      async () => (await labExec("d601", `flock -n ${lock} true || echo held`, { user: "ubuntu" })) === "held",
    );
    const { exitCode, output } = await retire(retired);
    expect(output).toContain(`a deployment of claudeqq is at work: claudeqq ${commit} by ann@laptop, for `);
    expect(output).toContain("remedy:  wait until it ended, then retire again");
    expect(exitCode).toBe(1);
  } finally {
    await labExec("d601", "systemctl stop ut-retire-k3s");
  }
  expect(await there(retired.names)).toHaveLength(2);
});

test("leaves alone a Deployment of that name that runs something else", async () => {
  await start(retired, commit, "127.0.0.1:5000/else/claudeqq:1");
  const { exitCode, output } = await retire(retired);
  expect(output).toContain(
    `d601 ${namespace}/claudeqq-dev is there, but is not the service claudeqq; it was left alone`,
  );
  expect(exitCode).toBe(1);
  expect(await there(retired.names)).toHaveLength(2);
  await start(retired);
});

test("deletes exactly the service's Deployment and Service, and its pods are gone", async () => {
  const stack = `${home}/.unidesk/receipts/unidesk-dev-d601`;
  const parts = ["containerd-image", "auth-sync", "rollout"];
  await labExec("d601", [
    ..."sudo -u ubuntu bash -ceu".split(" "),
    `mkdir -p ${stack}; for part in ${parts.join(" ")} 2-rollout; do printf 'generation 1\\nspec x\\nrepair \\n' > ${stack}/claudeqq-$part; done`,
  ]);
  await kubectl(["create", "configmap", "claudeqq-dev"]);
  await until(
    "its pod is there",
    60_000,
    async () => (await kubectl(["get", "pods", "-l", "app=claudeqq-dev", "-o", "name"])) !== "",
  );
  const { exitCode, stdout } = await retire(retired);
  expect(stdout).toBe(
    `stopped and deleted d601 ${namespace} Deployment claudeqq-dev, Service claudeqq-dev at ${commit}; namespace, Secrets, ConfigMaps and images stay`,
  );
  expect(exitCode).toBe(0);
  expect(await there(retired.names)).toEqual([]);
  expect(await kubectl(["get", "pods", "-l", "app=claudeqq-dev", "-o", "name"])).toBe("");
  expect(await kubectl(["get", "configmap", "claudeqq-dev", "-o", "name"])).toBe("configmap/claudeqq-dev");
  await kubectl(["delete", "configmap", "claudeqq-dev"]);
  expect(await there(supervised.names)).toHaveLength(8);
  expect(lines(await labExec("d601", `cd ${stack}; ls claudeqq-*; rm claudeqq-*`))).toEqual(["claudeqq-2-rollout"]);
  const newest = await lastHistory(retired.service);
  expect(newest).toMatchObject({ result: "retired", commit, stack: "unidesk-dev-d601" });

  const again = await retire(retired, "--json");
  expect(JSON.parse(again.stdout)).toEqual({
    ok: true,
    service: "claudeqq",
    environment: "dev",
    host: "d601",
    retired: null,
  });
  expect(await lastHistory(retired.service)).toEqual(newest);
  expect((await retire(retired)).stdout).toBe(
    `nothing to stop: d601 ${namespace} has no Deployment or Service claudeqq-dev`,
  );
});

async function lastHistory(service: string): Promise<unknown> {
  return JSON.parse(await labExec("d601", ["tail", "-n", "1", `${paths.history}/${service}.jsonl`]));
}

test("a supervised service is deleted with an approval of what runs, and of nothing else", async () => {
  const approve = (at: string) =>
    site.unidesk(["approve", supervised.service, "--env", "dev", "--commit", at, "--key", approverFile], unpinned);
  expect((await retire(supervised)).output).toContain(
    `nothing was changed: code-queue in dev is supervised and has no approval for ${commit}`,
  );
  await approve(otherCommit);
  expect((await retire(supervised)).output).toContain(`no approval for ${commit}`);
  await approve(commit);
  const inTask = await site.unidesk(["retire", supervised.service, "--env", "dev"], {
    ...unpinned,
    env: { CODE_QUEUE_TASK_ID: "42" },
  });
  expect(inTask.output).toContain("refused inside a Code Queue task");
  expect(await there(supervised.names)).toHaveLength(8);

  const { exitCode, stdout } = await retire(supervised);
  expect(stdout).toContain(`at ${commit}, approved by lab-approver; `);
  expect(exitCode).toBe(0);
  expect(await there(supervised.names)).toEqual([]);
  expect(await lastHistory(supervised.service)).toMatchObject({
    result: "retired",
    stack: "unidesk-supervised-code-queue-dev",
    approval: { signer: "lab-approver" },
  });
});
