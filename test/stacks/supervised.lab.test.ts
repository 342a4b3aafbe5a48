import { rmSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { labCommits, labExec } from "../../lab/index.ts";
import { containerFacts, expectOneError, flat, livePods, registryStack, useLabSite } from "../lab-support.ts";

const site = useLabSite();
const stack = "unidesk-supervised-code-queue-mgr-prod";
const container = "code-queue-mgr-backend";
const { first: older, second: newer, third, statsSkipped } = labCommits.unidesk;
const pins = (commit: string) => ({ "code-queue-mgr": { commit } });

beforeAll(async () => {
  await site.deploy(registryStack);
  await site.publishMissing(
    [older, newer, third, statsSkipped].map((commit) => ({ service: "code-queue-mgr", commit })),
  );
});

async function approve(commit: string): Promise<void> {
  await site.approve("code-queue-mgr", commit, { pins: pins(commit) });
}

test("is planned by everybody, refused without an approval, deployed with one, and refused again in a Code Queue task", {
  timeout: 400_000,
}, async () => {
  const before = await containerFacts("main-server", container);
  const diff = await site.diff(stack, { pins: pins(older) });
  expect(diff).toContain("code-queue-mgr-approval");
  expect(diff).toContain("code-queue scheduler, code-queue runner, tasks, interrupt, cancel");

  const refused = await site.failDeploy(stack, { pins: pins(older) });
  expectOneError(refused, `npx unidesk approve code-queue-mgr --env prod --commit ${older}`);
  expect(await containerFacts("main-server", container)).toEqual(before);

  await approve(older);
  expect(await site.deploy(stack, { pins: pins(older) })).toContain(`code-queue-mgr is live at ${older}`);
  expect(await site.diff(stack, { pins: pins(older) })).toContain("No changes.");

  await approve(newer);
  await site.deploy(stack, { pins: pins(newer) });
  await approve(third);
  const inTask = await site.failDeploy(stack, { pins: pins(third), env: { CODE_QUEUE_TASK_ID: "42" } });
  expect(inTask).toContain("Code Queue task");
  const history = await labExec("main-server", "tail -n 1 ~ubuntu/.unidesk/deploy-history/code-queue-mgr.jsonl");
  expect(JSON.parse(history)).toMatchObject({
    commit: newer,
    result: "deployed",
    approval: { signer: expect.any(String) },
  });
});

test("fails and is put back if its stats name skipped tasks", { timeout: 400_000 }, async () => {
  await approve(older);
  await site.deploy(stack, { pins: pins(older) });
  await approve(statsSkipped);
  const output = await site.failDeploy(stack, { pins: pins(statsSkipped), healthDeadlineSeconds: 20 });
  expectOneError(
    output,
    "code-queue-mgr: gate /api/tasks/stats skipped: expected absent, found present",
    "pin a commit that serves /api/tasks/stats without skipped",
  );
  const label = '{{index .Config.Labels "org.opencontainers.image.revision"}}';
  expect(await labExec("main-server", `docker inspect -f '${label}' ${container}`)).toBe(older);
});

test("code-queue in dev: four Deployments by one approved pin, and nothing else changes; a hand edit needs an approval too", {
  timeout: 600_000,
}, async () => {
  const devStack = "unidesk-supervised-code-queue-dev";
  const devPins = { devPins: { "code-queue": { commit: older } } };
  const own = ["scheduler", "read", "write", "provider-egress-proxy"].map((role) => `code-queue-${role}-dev`);
  const others = () => livePods(`app,app notin (${own.join(",")})`);
  await site.publish("code-queue", older);
  const before = await others();
  const diff = await site.diff(devStack, devPins);
  expect(diff).toMatch(/"affectedRuntime" += "d601 k3s unidesk-dev, the four Deployments of code-queue"/);
  expect(diff).toContain("production code-queue scheduler, production code-queue runner, production tasks");
  expectOneError(
    await site.failDeploy(devStack, devPins),
    `npx unidesk approve code-queue --env dev --commit ${older}`,
  );

  await site.approve("code-queue", older, devPins, "dev");
  await site.deploy(devStack, devPins);
  expect(await site.diff(devStack, devPins)).toContain("No changes.");
  const roles = ["provider-egress-proxy", "read", "scheduler", "write"];
  const format = "{range .items[*]}{.metadata.name}={.status.readyReplicas} {end}";
  expect(
    await labExec(
      "d601",
      `k3s kubectl -n unidesk-dev get deployments -o jsonpath='${format}' | tr ' ' '\n' | grep code-queue | sort`,
    ),
  ).toBe(roles.map((role) => `code-queue-${role}-dev=1`).join("\n"));
  expect(await others()).toEqual(before);

  // What Terraform's provider puts right by itself runs no step that could refuse.
  const kubectl = "k3s kubectl -n unidesk-dev";
  const edited = "deployment/code-queue-read-dev";
  await labExec(
    "d601",
    `${kubectl} set env ${edited} BY_HAND=yes && ${kubectl} rollout status ${edited} --timeout=150s`,
    { timeoutMs: 180_000 },
  );
  const byHand = () => labExec("d601", `${kubectl} get ${edited} -o json | grep -c BY_HAND || true`);
  rmSync(join(site.folder, "approvals"), { recursive: true });
  expect(await site.diff(devStack, devPins)).toContain("BY_HAND");
  const refused = await site.failDeploy(devStack, devPins);
  expectOneError(refused);
  expect(flat(refused)).toContain(`npx unidesk approve code-queue --env dev --commit ${older}`);
  expect(await byHand()).toBe("1");

  await site.approve("code-queue", older, devPins, "dev");
  await site.deploy(devStack, devPins);
  expect(await byHand()).toBe("0");
  expect(await site.diff(devStack, devPins)).toContain("No changes.");
});

test("what is plan-only is diffed before and after, and its apply refuses", async () => {
  const planOnly = { "met-nonlinear": { commit: newer } };
  const diff = await site.diff("unidesk-plan-only", { pins: planOnly });
  expect(diff).toMatch(/"decision" += "blocked"/);
  const output = await site.failDeploy("unidesk-plan-only", { pins: planOnly });
  expectOneError(output, "nothing was changed", "its Dockerfile and its contract as a long-running service disagree");
  expect(await site.diff("unidesk-plan-only", { pins: planOnly })).toMatch(/"decision" += "blocked"/);
  expect(await containerFacts("d601", "met-nonlinear-backend")).toBeUndefined();
});
