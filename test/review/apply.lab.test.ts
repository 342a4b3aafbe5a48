import { cpSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { labCommits, labExec } from "../../lab/index.ts";
import { hostPaths } from "../../lib/host-paths.ts";
import { StepRunner } from "../lab-steps.ts";
import { containerFacts, home, mainServerStack, registry, until } from "../lab-support.ts";
import { forgetReview, storedFolder } from "../left-reviews.ts";
import { readJson, removeImage, serviceOf, useReviewLab } from "./lab.ts";

const { first, second, third, neverHealthy } = labCommits.unidesk;
const lab = useReviewLab("apply");
const stack = [mainServerStack];
const frontend = () => containerFacts("main-server", "unidesk-frontend");
const newer = lab.options({ frontend: { commit: third } });
const older = lab.options({ frontend: { commit: first, rollback: "a test" } });

beforeAll(async () => {
  await release(second);
  await lab.site.publishMissing([{ service: "frontend", commit: neverHealthy }]);
});

/** Moves the release line. */
const release = (tip: string) =>
  labExec("d601", ["git", "-C", `${home}/git/unidesk.git`, "update-ref", "refs/heads/release/v1", tip], {
    user: "ubuntu",
  });

async function reviewed(options: typeof newer, names: readonly string[] = stack): Promise<string> {
  return (await lab.review(options, names)).report.fingerprint;
}

test("what was reviewed is applied, and leaves a receipt beside which nothing is to do", async () => {
  const { report } = await lab.review(newer, stack);
  const before = await frontend();
  const neighbour = await containerFacts("main-server", "project-manager-backend");
  const outcome = await lab.apply(report.fingerprint, newer);
  expect(outcome.exitCode, outcome.output).toBe(0);
  expect((await frontend())?.id).not.toBe(before?.id);
  expect(await containerFacts("main-server", "project-manager-backend")).toEqual(neighbour);

  const [json = "", markdown = "", ...more] = lab.receipts();
  expect(more).toEqual([]);
  expect(outcome.stdout).toContain(`receipt: ${markdown}`);
  const receipt = readJson(json) as Record<string, unknown>;
  expect(receipt).toMatchObject({
    fingerprint: report.fingerprint,
    result: "applied",
    stacks: [{ name: mainServerStack, result: "applied", reason: null }],
  });
  const { transfer, digest } = serviceOf(report, "frontend");
  expect(receipt.services).toEqual([
    expect.objectContaining({
      service: "frontend",
      commit: third,
      agrees: true,
      result: "applied",
      predicted: expect.objectContaining({ bytes: transfer.bytes }),
      measured: {
        bytes: expect.any(Number),
        seconds: expect.any(Number),
        downtimeSeconds: expect.any(Number),
      },
      digests: {
        registry: digest.registry,
        target: digest.registry,
        labelCommit: third,
        replicas: [
          expect.objectContaining({ liveCommit: third, requestedCommit: third, imageDigest: digest.registry }),
        ],
      },
    }),
  ]);
  expect(readFileSync(markdown, "utf8")).toContain(third.slice(0, 7));
  const again = await lab.review(newer, stack);
  expect(again.exitCode).toBe(0);
  expect(again.report.decision).toBe("nothing");
});

test("fails to measure what was predicted if the image comes in between, and the receipt says both", async () => {
  await lab.reset();
  await removeImage("main-server", "frontend", third);
  const { report } = await lab.review(newer, stack);
  expect(serviceOf(report, "frontend").transfer.missingLayers).toBeGreaterThan(0);
  const name = "unidesk-ut-meanwhile";
  await new StepRunner(lab.site).pass(
    "image-delivery",
    {
      registry: { host: "d601", port: registry.port },
      target: "main-server",
      artifact: { service: "frontend", repository: "unidesk/frontend", commit: third },
      stableImage: name,
    },
    ["d601", "main-server"],
  );
  try {
    const { services } = await lab.receipt(report.fingerprint, newer);
    expect(services).toMatchObject([{ agrees: true, measured: { bytes: 0 } }]);
    // What a person read, not what the apply knew by then.
    expect(services[0]?.predicted.bytes).toBe(serviceOf(report, "frontend").transfer.bytes);
  } finally {
    await labExec("main-server", ["docker", "rmi", `${name}:${third}`]);
  }
});

describe("nothing is changed", () => {
  let fingerprint: string;
  let before: Awaited<ReturnType<typeof frontend>>;

  beforeAll(async () => {
    await lab.reset();
    fingerprint = await reviewed(newer);
    before = await frontend();
  });

  test("fails if the pins changed since, and says from what to what", async () => {
    const { exitCode, output } = await lab.apply(fingerprint, older);
    expect(exitCode).toBe(1);
    expect(output).toMatch(/nothing was changed: the pins\b.* changed since the review/);
    expect(output).toContain(`prod/frontend: ${third}`);
    expect(await frontend()).toEqual(before);
  });

  test("fails if a policy denies what was reviewed", async () => {
    const denied = lab.options({ frontend: { commit: first } });
    const { exitCode, output } = await lab.apply(await reviewed(denied), denied);
    expect(exitCode).toBe(1);
    expect(output).toContain("nothing was changed: a policy denies what was reviewed");
    expect(output).toContain("backward-needs-note: prod/frontend");
    expect(output).toContain('add "rollback": "<why>" to the pin in deploy.json');
    expect(await frontend()).toEqual(before);
  });

  test("fails if what is named is no review", async () => {
    const [garbage, missing] = await Promise.all([lab.apply("garbage"), lab.apply("/nowhere/at-all")]);
    for (const { exitCode, output } of [garbage, missing]) {
      expect(exitCode).toBe(2);
      expect(output).toMatch(/--reviewed names neither a review's folder nor a fingerprint/);
      expect(output).toMatch(/allowed: .*128 hex digits/);
      expect(output).toContain("remedy:  npx unidesk review");
    }
  });

  test("on another machine it fails if something differs, and names the part", async () => {
    const elsewhere = await reviewed(older);
    forgetReview(elsewhere);
    const { exitCode, output } = await lab.apply(elsewhere, newer, stack);
    expect(exitCode).toBe(1);
    expect(output).toContain("this machine did not make the review: planning anew");
    // Which images were looked for follows from the pins.
    expect(output).toMatch(
      /nothing was changed: the pins, what the hosts hold and what Terraform would do changed since the review/,
    );
    expect(output).toContain(`allowed: ${elsewhere}`);
    expect(await frontend()).toEqual(before);
  });

  test("fails if a plan file does something else than its review says", async () => {
    const other = await reviewed(older);
    const plan = (one: string) => join(storedFolder(one), "plans", `${mainServerStack}.tfplan`);
    cpSync(plan(other), plan(fingerprint));
    const { exitCode, output } = await lab.apply(fingerprint, newer);
    expect(exitCode).toBe(1);
    expect(output).toContain("nothing was changed: the review's plan files do something else than the review says");
    expect(output).toContain(`has others of ${mainServerStack}`);
    expect(await frontend()).toEqual(before);
    expect(await reviewed(newer)).toBe(fingerprint);
  });

  test("fails if somebody recreated a container since, and says which", async () => {
    const unchanged = await frontend();
    const old = await containerFacts("main-server", "project-manager-backend");
    await labExec(
      "main-server",
      `cd ${home}/unidesk && docker compose -p unidesk --env-file .state/compose.env up -d --no-build --no-deps --pull never --force-recreate project-manager`,
    );
    const { exitCode, output } = await lab.apply(fingerprint, newer);
    expect(exitCode).toBe(1);
    expect(output).toMatch(/nothing was changed: what the hosts hold changed since the review/);
    expect(output).toContain(`main-server project-manager container: ${old?.id}`);
    expect(await frontend()).toEqual(unchanged);
  });
});

test("on another machine the fingerprint alone applies what is the same", async () => {
  await lab.reset();
  const fingerprint = await reviewed(newer);
  forgetReview(fingerprint);
  expect(existsSync(storedFolder(fingerprint))).toBe(false);
  const receipt = await lab.receipt(fingerprint, newer, stack);
  expect(receipt).toMatchObject({ fingerprint, result: "applied", services: [{ service: "frontend", agrees: true }] });
});

test("two at once: one applies, the other waits for it and is refused", async () => {
  await lab.reset();
  const fingerprint = await reviewed(newer);
  const both = await Promise.all([lab.apply(fingerprint, newer), lab.apply(fingerprint, newer)]);
  expect(both.map(({ exitCode }) => exitCode).sort(), both.map(({ output }) => output).join("\n---\n")).toEqual([0, 1]);
  const refused = both.find(({ exitCode }) => exitCode === 1)?.output ?? "";
  expect(refused).toMatch(/another apply/);
  expect(refused).toMatch(/nothing was changed: .*what the hosts hold.* changed since the review/);
  expect((await lab.review(newer, stack)).exitCode).toBe(0);
});

describe("an apply that is interrupted", () => {
  const commit = "docker inspect -f '{{index .Config.Labels \"org.opencontainers.image.revision\"}}' unidesk-frontend";
  const live = async () => (await labExec("main-server", commit)).trim();
  const broken = lab.options({ frontend: { commit: neverHealthy, rollback: "a test" } });

  // No release line has a commit that is never healthy, so one gets it for as long as this takes.
  beforeAll(() => release(neverHealthy));
  afterAll(() => release(second));

  /** Starts an apply, sends it a signal when `ready`, and returns what it told. */
  async function interrupted(signal: NodeJS.Signals, ready: (told: string) => Promise<boolean>): Promise<string> {
    const apply = lab.site.startUnidesk(["apply", "--reviewed", await reviewed(broken)], broken);
    let told = "";
    apply.all.on("data", (chunk: Buffer) => {
      told += chunk.toString("utf8");
    });
    await until(`the moment for ${signal}`, 120_000, async () => (await ready(told)) || apply.exitCode !== null);
    expect(apply.exitCode, told).toBeNull();
    apply.kill(signal);
    const { exitCode } = await apply;
    lab.site.printed.push(told);
    expect(exitCode, told).toBe(1);
    return told;
  }

  /** Locks of main-server that somebody still holds. */
  async function heldLocks(): Promise<string> {
    const script = 'for lock in "$1"/*; do flock -n "$lock" true || echo "$lock"; done';
    return (await labExec("main-server", ["bash", "-c", script, "held", hostPaths({ home }).locks])).trim();
  }

  test("SIGINT before anything is applied: nothing changes, and no lock stays", async () => {
    await lab.reset();
    const before = await frontend();
    await interrupted("SIGINT", async (told) => told.includes("looking at the hosts"));
    expect(await frontend()).toEqual(before);
    await until("no lock is held", 30_000, async () => (await heldLocks()) === "");
  });

  test("SIGTERM in the middle of a deployment: the service is put back before it ends, and the next one goes through", {
    timeout: 400_000,
  }, async () => {
    await lab.reset();
    await interrupted("SIGTERM", async () => (await live()) === neverHealthy);
    // Not after the host's own deadline: the step was told first, and aborted.
    expect(await live()).toBe(second);
    await until("no lock is held", 60_000, async () => (await heldLocks()) === "");
    const next = await reviewed(newer);
    expect(await lab.receipt(next, newer)).toMatchObject({ result: "applied", services: [{ agrees: true }] });
  });
});

describe("supervised", () => {
  const names = ["unidesk-supervised-code-queue-mgr-prod"];
  const container = () => containerFacts("main-server", "code-queue-mgr-backend");
  const live = async () => {
    const label = '{{index .Config.Labels "org.opencontainers.image.revision"}}';
    return (
      await labExec("main-server", `docker inspect -f '${label}' code-queue-mgr-backend 2>/dev/null || true`)
    ).trim();
  };

  beforeAll(async () => {
    await lab.site.publishMissing([first, second].map((commit) => ({ service: "code-queue-mgr", commit })));
  });

  test("without an approval it is skipped and says why; with one it is applied", async () => {
    const before = await container();
    // Whatever an earlier file left there, this is another one.
    const commit = (await live()) === first ? second : first;
    const options = lab.options({ "code-queue-mgr": { commit, rollback: "a test" } });
    const { report } = await lab.review(options, names);
    const command = `npx unidesk approve code-queue-mgr --env prod --commit ${commit}`;
    expect(serviceOf(report, "code-queue-mgr").approval).toMatchObject({ state: "missing", command });
    const skipped = await lab.apply(report.fingerprint, options);
    expect(skipped.output).toMatch(/skipped: .*approval/);
    expect(skipped.exitCode).toBe(1);
    expect(await container()).toEqual(before);

    await lab.site.approve("code-queue-mgr", commit, options);
    const approved = await lab.review(options, names);
    expect(serviceOf(approved.report, "code-queue-mgr").approval.state).toBe("approved");
    const receipt = await lab.receipt(approved.report.fingerprint, options);
    expect(receipt).toMatchObject({ result: "applied", services: [{ service: "code-queue-mgr", agrees: true }] });
  });
});
