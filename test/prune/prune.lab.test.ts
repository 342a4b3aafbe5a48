import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { labCommits, labExec, labHosts, powerCut } from "../../lab/index.ts";
import { loadSite } from "../../lib/config/site.ts";
import { hostPaths } from "../../lib/host-paths.ts";
import { applyPrune } from "../../lib/prune/apply.ts";
import { planPrune } from "../../lib/prune/plan.ts";
import { overridePaths, pruneUnit } from "../../lib/prune/read-only.ts";
import { StepRunner } from "../lab-steps.ts";
import {
  checkout,
  forgetTag,
  home,
  LabSite,
  lines,
  registry,
  registryPaths,
  registryStack,
  registryStatus,
  until,
} from "../lab-support.ts";
import { rejectionOf } from "../support.ts";

const hosts = ["d601", "main-server"] as const;
const site = new LabSite();
const steps = new StepRunner(site);
const { first, second, third } = labCommits.unidesk;
const pins = { frontend: { commit: second } };
const api = `http://127.0.0.1:${registry.port}/v2/unidesk/frontend`;
const wrapper = "/usr/local/bin/docker";
const hostsFile = join(site.folder, "hosts.json");
const pinsFile = join(site.folder, "pins.json");
const hold = "/run/test-hold-garbage-collection";

/** What this lab deployed before would keep artifacts, so its history is put aside for as long as this file runs. */
const histories = hostPaths({ home }).history;
const putBack = `[ ! -e ${histories}.aside ] || { rm -rf ${histories}; mv ${histories}.aside ${histories}; }`;

beforeAll(async () => {
  await site.open();
  for (const host of hosts) {
    await labExec(host, putBack);
    await labExec(host, `[ ! -e ${histories} ] || mv ${histories} ${histories}.aside`);
  }
  writeFileSync(hostsFile, JSON.stringify(await labHosts()));
  writeFileSync(pinsFile, JSON.stringify({ version: 1, environments: { prod: pins } }));
  await site.deploy(registryStack);
  // So that it was pushed just now.
  await forgetTag("frontend", first);
});
beforeEach(publishAll);
afterEach(() => labExec("d601", `rm -f ${hold} ${wrapper}`));
afterAll(async () => {
  for (const host of hosts) {
    await labExec(host, putBack);
  }
  await publishAll();
  await site.close();
});

interface Report {
  readonly predicted: { readonly bytes: number; readonly blobs: number };
  readonly freed: { readonly bytes: number; readonly blobs: number } | null;
  readonly artifacts: readonly { repository: string; tag: string; decision: string; reasons: readonly string[] }[];
}

test("a dry run says what would go and changes nothing", async () => {
  const before = await storage();
  const report = await prune("--dry-run");
  expect(decisionOf(report, first)).toEqual(["delete", "nothing needs it"]);
  expect(decisionOf(report, second)).toEqual(["keep", expect.stringContaining("pinned in prod")]);
  expect(report.predicted.bytes).toBeGreaterThan(0);
  expect(report.freed).toBeNull();
  expect(await storage()).toEqual(before);

  const young = await site.unidesk(["artifact", "prune", "--dry-run"], { pins });
  expect(young.stdout).toMatch(new RegExp(`frontend ${first.slice(0, 7)} +0 d +pushed a short while ago`));
  // Other files leave manifests without a tag, whose age nobody recorded; those of ours were all pushed just now.
  const ours = young.stdout
    .split("\n")
    .filter((line) => line.includes("frontend") && /pushed a short while/.test(line));
  expect(ours.length, young.stdout).toBeGreaterThanOrEqual(1);
  expect(ours.filter((line) => line.includes("delete"))).toEqual([]);
});

test("frees what it predicted; what another reference pins survives; what went can be published again", async () => {
  const reference = commitOf({ version: 1, environments: { dev: { frontend: { commit: third } } }, added: "later" });
  const before = await storage();
  const report = await prune("--apply", "--keep-pins-of", reference);
  expect(decisionOf(report, third)).toEqual(["keep", `pinned in dev of ${reference}`]);
  const after = await storage();
  expect(before.bytes - after.bytes).toBe(report.predicted.bytes);
  expect(report.predicted).toMatchObject(report.freed ?? {});
  expect(await status(`${api}/manifests/${first}`)).toBe("404");
  await expectWhole(second);
  await expectWhole(third);

  const spec = { registry: { host: "d601", port: registry.port }, target: "d601" } as const;
  const wanted = { service: "frontend", repository: "unidesk/frontend", commit: second };
  await steps.pass("artifact-preflight", { ...spec, pins: [wanted] }, ["d601"]);
  expect(await site.diff(registryStack)).toContain("No changes");

  // With the registry's memory of what it had, the push would leave out a layer that is gone.
  await site.publish("frontend", first);
  await expectWhole(first);
  expect((await prune("--dry-run", "--keep-pins-of", reference)).predicted.blobs).toBeGreaterThan(0);
});

test("keeps what a container runs, what was healthy and what an unfinished deployment goes back to", async () => {
  const { history, deployJobs } = hostPaths({ home });
  const image = `127.0.0.1:${registry.port}/unidesk/frontend:${first}`;
  const job = `${deployJobs}/test-prune/frontend`;
  const file = `${history}/test-prune.jsonl`;
  const line = JSON.stringify({
    ...{ id: "1", service: "frontend", stack: "unidesk-prod-main-server", commit: first, result: "deployed" },
    ...{ startedAt: "2025-01-01T00:00:00Z", finishedAt: "2025-01-01T00:00:01Z", operator: "t@t", fingerprint: "-" },
  });
  const look = async () => decisionOf(await prune("--dry-run"), first);
  try {
    await labExec("d601", `docker pull -q ${image}; docker create --name test-prune ${image}`);
    expect(await look()).toEqual(["keep", "used by container test-prune on d601"]);
    await labExec("d601", "docker rm -f test-prune");

    const pending = `id=x\nprevious_commit="${first}"\nprevious_image=""\n`;
    await labExec("main-server", `mkdir -p ${job}/x; cat > ${job}/pending; echo service=frontend > ${job}/x/spec`, {
      user: "ubuntu",
      input: pending,
    });
    expect(await look()).toEqual(["keep", "used by an unfinished deployment on main-server"]);
    await labExec("main-server", `rm -rf ${deployJobs}/test-prune`);

    await labExec("d601", `mkdir -p ${history}; cat > ${file}`, { user: "ubuntu", input: `${line}\n` });
    expect((await look())[1]).toBe("one of the last 3 healthy in prod");
    expect(decisionOf(await prune("--dry-run", "--keep", "0"), first)[0]).toBe("delete");
    await labExec("d601", `chmod 0 ${file}`);
    const { exitCode, output } = await site.unidesk(["artifact", "prune", "--dry-run"], { pins });
    expect(exitCode, output).toBe(3);
    expect(output).toContain(`${history} cannot be read`);
  } finally {
    await labExec("d601", `docker rm -f test-prune; rm -f ${file}`);
    await labExec("main-server", `rm -rf ${deployJobs}/test-prune`);
  }
});

describe("deletes nothing", () => {
  test("fails if a host cannot be looked at: infra-blocked", async () => {
    const before = await storage();
    const { exitCode, stdout } = await site.unidesk(["artifact", "prune", "--apply", "--min-age", "0", "--json"], {
      pins,
      hosts: (hosts) => {
        hosts["main-server"].port = 1;
      },
    });
    expect(exitCode).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ decision: "infra-blocked", missingChannels: ["main-server:ssh"] });
    expect(await storage()).toEqual(before);
  });

  test("fails if a reference cannot be read", async () => {
    const before = await storage();
    const args = ["artifact", "prune", "--apply", "--min-age", "0", "--keep-pins-of", "no-such-branch"];
    const { exitCode, output } = await site.unidesk(args, { pins });
    expect(exitCode).toBe(2);
    expect(output).toContain("--keep-pins-of no-such-branch: its deploy.json cannot be read, so nothing is pruned");
    expect(await storage()).toEqual(before);
  });
});

describe("deletes nothing by a plan that is too old", () => {
  const tags = `${registryPaths.storage}/docker/registry/v2/repositories/unidesk/frontend/_manifests/tags`;
  test.each([
    ["fails if something was pushed since", `cp -r ${tags}/${first} ${tags}/new`, "unidesk/frontend changed since"],
    [
      "fails if what goes was published again",
      `touch ${hostPaths({ home }).artifacts}/frontend/${first}.json`,
      `unidesk/frontend:${first} was published since`,
    ],
  ])("%s", async (_, change, reason) => {
    const opened = loadSite(checkout, { UNIDESK_HOSTS: hostsFile, UNIDESK_DEPLOY_FILE: pinsFile });
    const plan = await planPrune(opened, { keep: 3, minAgeHours: 0, references: [] }, () => {});
    try {
      await labExec("d601", change);
      const before = await storage();
      const { message } = await rejectionOf(applyPrune(opened, plan, () => {}));
      expect(message).toContain("d601: nothing was pruned");
      expect(message).toContain(reason);
      expect(await storage()).toEqual(before);
    } finally {
      await labExec("d601", `rm -rf ${tags}/new`);
    }
  });
});

describe("while the registry is read-only", () => {
  test("a publisher waits, a second prune is refused, and a killed runner does not matter", async () => {
    await holdGarbageCollection();
    const runner = startPrune();
    await readOnly();
    const { stdout } = await site.unidesk(["registry", "status"]);
    expect(stdout).toContain("healthy: the registry is as declared");
    expect(stdout).toContain("read-only while a prune collects garbage");
    expect(await status("-X POST", `${api}/blobs/uploads/`)).toBe("405");
    process.kill(-(runner.pid ?? 0), "SIGKILL");
    const refused = await site.unidesk(["artifact", "prune", "--apply", "--min-age", "0"], { pins });
    expect(refused.output).toContain("another prune is running");

    // The job still lives, so the registry stays read-only whoever restarts it.
    await labExec("d601", `systemctl restart ${registry.name}`);
    await readOnly();
    const publisher = site.publish("frontend", first);
    await until(
      "the publisher waits",
      60_000,
      async () => (await labExec("d601", "pgrep -f 'flock -w 900 -s'")) !== "",
    );
    await labExec("d601", `rm ${hold}`);
    expect(await publisher).toMatchObject({ tag: first });
    await writable();
    await expectWhole(first);
    await expectWhole(second);
  });

  test("a killed prune leaves it writable, and the next one ends what it began", async () => {
    const before = await storage();
    const { predicted } = await prune("--dry-run");
    await holdGarbageCollection();
    const runner = startPrune();
    await readOnly();
    await labExec("d601", `systemctl kill -s KILL ${pruneUnit}`);
    const { exitCode, all } = await runner;
    expect(exitCode).toBe(1);
    expect(all).toContain("d601: the prune was cut off; the registry becomes writable by itself");
    await writable();
    expect((await storage()).bytes).toBe(before.bytes);
    await expectWhole(second);

    await labExec("d601", `rm -f ${hold}`);
    const report = await prune("--apply");
    expect(report.freed).toEqual({ bytes: predicted.bytes, blobs: predicted.blobs });
    expect(await status(`${api}/manifests/${first}`)).toBe("404");
    await expectWhole(second);
  });

  test("a power cut leaves it writable, and the next prune ends what was begun", async () => {
    const { predicted } = await prune("--dry-run");
    await holdGarbageCollection();
    const runner = startPrune();
    await readOnly();
    await powerCut("d601");
    expect((await runner).exitCode).not.toBe(0);
    await writable();
    await expectWhole(second);
    const report = await prune("--apply");
    expect(report.freed).toEqual({ bytes: predicted.bytes, blobs: predicted.blobs });
    await expectWhole(second);
  });
});

/** What every test begins with, as far as it is not there. */
function publishAll(): Promise<void> {
  return site.publishMissing([first, second, third].map((commit) => ({ service: "frontend", commit })));
}

async function prune(...args: string[]): Promise<Report> {
  const { exitCode, stdout, output } = await site.unidesk(["artifact", "prune", "--min-age", "0", "--json", ...args], {
    pins,
  });
  if (exitCode !== 0) throw new Error(`artifact prune ${args.join(" ")} exited with ${exitCode}:\n${output}`);
  return JSON.parse(stdout) as Report;
}

/** A prune in a process group of its own, to be killed or awaited. */
function startPrune() {
  const env = { TMPDIR: site.folder, UNIDESK_HOSTS: hostsFile, UNIDESK_DEPLOY_FILE: pinsFile };
  const args = ["artifact", "prune", "--apply", "--min-age", "0"];
  const settings = { cwd: checkout, env, all: true, reject: false, detached: true, stdin: "ignore" } as const;
  return execa("node", [join(checkout, "bin", "unidesk.js"), ...args], settings);
}

function decisionOf({ artifacts }: Report, commit: string): [string | undefined, string | undefined] {
  const found = artifacts.find(({ repository, tag }) => repository === "unidesk/frontend" && tag === commit);
  return [found?.decision, found?.reasons.join(", ")];
}

/** A commit of the checkout's repository that no branch names, with this pins file. */
function commitOf(deployFile: object): string {
  const git = (args: readonly string[], input: string) =>
    execFileSync("git", ["-C", checkout, "-c", "user.name=t", "-c", "user.email=t@example.org", ...args], {
      input,
      encoding: "utf8",
    }).trim();
  const blob = git(["hash-object", "-w", "--stdin"], JSON.stringify(deployFile));
  return git(["commit-tree", git(["mktree"], `100644 blob ${blob}\tdeploy.json\n`)], "pins");
}

/** Makes the job wait before the registry's own garbage collection begins. */
async function holdGarbageCollection(): Promise<void> {
  const input = `#!/bin/sh
case "$*" in *garbage-collect*) while [ -e ${hold} ]; do sleep 0.1; done ;; esac
exec /usr/bin/docker "$@"
`;
  await labExec("d601", `touch ${hold}; cat > ${wrapper}; chmod 755 ${wrapper}`, { input });
}

async function readOnly(): Promise<void> {
  await until("the registry is read-only and what goes is unlinked", 180_000, async () => {
    const log = await labExec(
      "d601",
      `systemctl is-active -q ${pruneUnit} && cat $(ls -d ${hostPaths({ home }).prunes}/* | tail -n 1)/log`,
    );
    return log.includes("collecting garbage") && (await registryStatus()) === "200";
  });
}

/** Pushes are taken again, and nothing of the override is left. */
async function writable(): Promise<void> {
  await until("the prune's unit is gone", 120_000, async () =>
    /inactive|failed/.test(await labExec("d601", `systemctl is-active ${pruneUnit} || true`)),
  );
  await until("the registry takes pushes", 60_000, async () => {
    return (await status("-X POST", `${api}/blobs/uploads/`)) === "202";
  });
  const { folder, dropIn } = overridePaths(registry);
  expect(await labExec("d601", `ls -d ${folder} ${dropIn} 2>/dev/null || true`)).toBe("");
  const { output } = await site.unidesk(["registry", "health"]);
  expect(output).toMatch(/^healthy: the registry is as declared, on loopback only$/m);
}

function status(...args: string[]): Promise<string> {
  return labExec("d601", `curl -s -o /dev/null -w '%{http_code}' ${args.join(" ")}`);
}

/** Names of tags and manifests, and how many bytes all blobs have. */
async function storage(): Promise<{ names: string[]; bytes: number }> {
  const tree = `${registryPaths.storage}/docker/registry/v2`;
  const names = await labExec("d601", `cd ${tree}/repositories; find . -path '*/_manifests/*' -name link | sort`);
  const bytes = await labExec(
    "d601",
    `find ${tree}/blobs -name data -printf '%s\\n' | awk '{ s += $1 } END { print s }'`,
  );
  return { names: lines(names), bytes: Number(bytes) };
}

/** Every blob of an artifact is served, with the content that its digest names. */
async function expectWhole(commit: string): Promise<void> {
  const script = `
accept='Accept: application/vnd.docker.distribution.manifest.v2+json'
manifest=$(curl -sf -H "$accept" ${api}/manifests/${commit})
for digest in $(printf '%s' "$manifest" | jq -r '.config.digest, .layers[].digest'); do
  [ "sha256:$(curl -sf ${api}/blobs/$digest | sha256sum | cut -d' ' -f1)" = "$digest" ] || { echo "$digest is damaged"; exit 1; }
done
echo whole`;
  expect(await labExec("d601", script)).toBe("whole");
}
