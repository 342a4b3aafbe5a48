import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { labExec } from "../../lab/index.ts";
import { shortCommit } from "../../lib/config/values.ts";
import { serviceLock } from "../../lib/kubernetes/target.ts";
import { home, leftOnRunner, livePods, until } from "../lab-support.ts";
import {
  applyObjects,
  cleanCluster,
  furnishNamespace,
  history,
  imageOf,
  imageSpec,
  kubectl,
  liveImage,
  namespace,
  neverHealthy,
  receipt,
  rolloutSpec,
  said,
  second,
  third,
  useCluster,
  workload,
} from "./rollout-support.ts";

const { site, steps } = useCluster();
const options = { receipt };
const lock = serviceLock({ home }, namespace, "frontend");
const start = (commit: string, deadline = 60) =>
  steps.start("k3s-rollout", rolloutSpec(commit, deadline), ["d601"], options);
type Started = ReturnType<typeof start>;

beforeAll(async () => {
  await furnishNamespace();
  await Promise.all(
    [second, third, neverHealthy].map((commit) => steps.pass("containerd-image", imageSpec(commit), ["d601"])),
  );
  await deploy(base);
});

afterAll(async () => {
  await cleanCluster();
  await site.close();
});

function end({ pid }: Started, signal: NodeJS.Signals, group = false): void {
  if (!pid) throw new Error("the step was not started");
  process.kill(group ? -pid : pid, signal);
}

/** Commits of all pods, each once. */
async function podCommits(): Promise<string[]> {
  const images = (await livePods(`app=${workload}`)).map(({ image }) => image);
  return [...new Set(images.map((image) => image.slice(image.lastIndexOf(":") + 1)))];
}

async function live(): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/services/${workload}:8080/proxy/health`;
  return JSON.parse(await kubectl("get", "--raw", path)).deploy.commit;
}

const lockIsFree = () => labExec("d601", ["flock", "-n", lock, "true"]).then(() => true);

/** The commit that is live before each test. */
let base: string = second;

/** Nothing of a rollout is on the runner or the host any more, and the next apply of another commit converges. */
async function expectRecovered(): Promise<void> {
  await until("the lock is free", 30_000, lockIsFree);
  expect(await leftOnRunner(site)).toEqual([]);
  await deploy(other(base));
}

async function deploy(commit: string): Promise<void> {
  await applyObjects(commit);
  await steps.pass("k3s-rollout", rolloutSpec(commit, 60), ["d601"], options);
  expect(await live()).toBe(commit);
  expect(await podCommits()).toEqual([commit]);
  base = commit;
}
const other = (commit: string) => (commit === second ? third : second);

describe("two rollouts of one service at once", () => {
  test("one waits for the other; the one that somebody else overtook undoes nothing and says so", async () => {
    await applyObjects(neverHealthy);
    const overtaken = start(neverHealthy);
    await said(overtaken, "waiting for 1 rollout");
    // The lock covers the steps; what Terraform applies comes whenever it comes.
    const next = other(base);
    const overtaking = start(next);
    await said(overtaking, `waiting for another rollout: frontend ${neverHealthy}`);
    await applyObjects(next);
    const [early, late] = await Promise.all([overtaken, overtaking]);
    expect(early.exitCode, early.all).toBe(1);
    expect(early.all).toContain(`Deployment image: expected ${imageOf(neverHealthy)}, found ${imageOf(next)}`);
    expect(early.all).toContain(`${workload} left alone: somebody else deployed another image there meanwhile`);
    expect(late.exitCode, late.all).toBe(0);
    expect(await liveImage()).toBe(imageOf(next));
    expect(await podCommits()).toEqual([next]);
    expect(await live()).toBe(next);
    base = next;
    const entries = (await history()).slice(-2).map(({ commit, result }) => [commit, result]);
    expect(entries).toEqual([
      [neverHealthy, "superseded"],
      [next, "deployed"],
    ]);
  });

  test("at the same moment: one is live everywhere, the other one says that it is not", async () => {
    await Promise.all([applyObjects(second), applyObjects(third)]);
    const wanted = (await liveImage()) === imageOf(third) ? third : second;
    const outcomes = await Promise.all([second, third].map(async (commit) => ({ commit, ...(await start(commit)) })));
    expect(outcomes.filter(({ exitCode }) => exitCode === 0).map(({ commit }) => commit)).toEqual([wanted]);
    const loser = outcomes.find(({ commit }) => commit !== wanted);
    expect(loser?.all).toContain("nothing was changed, because the cluster does not hold what was declared");
    expect(await podCommits()).toEqual([wanted]);
    expect(await live()).toBe(wanted);
    base = wanted;
  });
});

describe("a runner that is ended in the middle of a rollout", () => {
  const begin = async () => {
    await applyObjects(neverHealthy);
    const step = start(neverHealthy);
    await said(step, "waiting for 1 rollout");
    // A started step is a promise too, so it cannot be returned by itself.
    return { step };
  };

  test.each([
    ["SIGTERM to it alone", "SIGTERM", false],
    ["Ctrl-C, which every process of the terminal gets", "SIGINT", true],
  ] as const)("%s: it goes back first", async (_, signal, group) => {
    const { step } = await begin();
    end(step, signal, group);
    await said(step, "undoing this rollout");
    await expect(lockIsFree(), "held until it has gone back").rejects.toThrow();
    const { exitCode, all } = await step;
    expect(exitCode).toBe(1);
    expect(all).toContain(`interrupted by ${signal}`);
    expect(all).toContain(`the previous commit ${shortCommit(base)} answers again`);
    expect(await liveImage()).toBe(imageOf(base));
    expect((await history()).at(-1)).toMatchObject({ commit: neverHealthy, result: "restored" });
    await expectRecovered();
  });

  test("SIGKILL: nobody goes back, the old pod answers, and nothing holds the next apply up", async () => {
    const { step } = await begin();
    end(step, "SIGKILL");
    await step;
    expect(await live()).toBe(base);
    await expectRecovered();
  });

  const holder = "ut-rollout-lock";
  afterEach(() => labExec("d601", `systemctl stop ${holder} 2>/dev/null || true`));

  test("while it waits for another one's lock: it ends at once and changes nothing", async () => {
    await labExec("d601", `systemd-run --quiet --unit=${holder} flock ${lock} sleep 60; sleep 0.2`);
    const step = start(other(base));
    await said(step, "waiting for another rollout");
    // Long before the other one lets go.
    const began = Date.now();
    end(step, "SIGTERM");
    const { exitCode, all } = await step;
    expect(exitCode, all).toBe(1);
    expect(all).toContain("interrupted by SIGTERM");
    expect(Date.now() - began).toBeLessThan(20_000);
    expect(await liveImage()).toBe(imageOf(base));
    expect(all).not.toContain("undoing");
  });
});
