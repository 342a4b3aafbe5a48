import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cutNetwork, labExec, mendNetwork, powerCut, rebootHost } from "../../lab/index.ts";
import { containerFacts } from "../lab-support.ts";
import {
  answersAgain,
  compose,
  container,
  deployment,
  envFile,
  frontendFacts,
  history,
  isPending,
  jobs,
  liveCommit,
  neverHealthy,
  newer,
  older,
  untilReady,
  untilSettled,
  useFrontend,
} from "./support.ts";

const { steps } = useFrontend([older, newer, neverHealthy]);
const hosts = ["main-server"] as const;
const deploy = (commit: string) => steps.pass("compose-deployment", deployment(commit), hosts);
/** Starts a deployment that never gets healthy and waits until its new container is being verified. */
async function startBad() {
  const run = steps.start("compose-deployment", deployment(neverHealthy), hosts);
  await untilReady();
  const { pid } = run;
  if (pid === undefined) throw new Error("the step has no process");
  return { run, signalGroup: (signal: NodeJS.Signals) => process.kill(-pid, signal) };
}

let before: Awaited<ReturnType<typeof frontendFacts>>;
beforeEach(async () => {
  await deploy(older);
  before = await frontendFacts();
});

describe("the old container answers again", () => {
  afterEach(async () => {
    await untilSettled();
    expect(await frontendFacts()).toEqual(before);
    expect((await history()).at(-1)).toMatchObject({ commit: neverHealthy, previousCommit: older, result: "restored" });
  });

  test("after kill -9 of the runner", async () => {
    const { run, signalGroup } = await startBad();
    signalGroup("SIGKILL");
    await run;
    await answersAgain(older);
  });

  test("after Ctrl-C, and the runner says both", async () => {
    const { run, signalGroup } = await startBad();
    signalGroup("SIGINT");
    const { exitCode, all } = await run;
    expect(exitCode).toBe(1);
    expect(all).toContain("interrupted by SIGINT\n");
    expect(all).toContain(`the previous commit ${older} answers again`);
    expect(await liveCommit()).toBe(older);
  });

  test("after a cut network, and the runner says that it cannot know", async () => {
    const { run } = await startBad();
    await cutNetwork("main-server");
    try {
      await answersAgain(older);
      const { exitCode, all } = await run;
      expect(exitCode).toBe(3);
      expect(all).toContain("infra-blocked: main-server: cannot be reached by SSH");
      expect(all).toContain("unconfirmed, the host puts the previous container back by itself");
    } finally {
      await mendNetwork("main-server");
    }
  });

  test.each([
    ["an orderly reboot", rebootHost],
    ["a power cut", powerCut],
  ])("across %s", async (_, cut) => {
    const { run } = await startBad();
    await cut("main-server");
    await answersAgain(older);
    expect((await run).exitCode).not.toBe(0);
  });

  test("across a power cut in the middle of the restore", async () => {
    const { run, signalGroup } = await startBad();
    signalGroup("SIGINT");
    await labExec("main-server", `until grep -q '^restoring="yes"' ${jobs}/pending; do sleep 0.02; done`);
    await powerCut("main-server");
    await answersAgain(older);
    expect((await run).exitCode).not.toBe(0);
  });

  test("after kill -9 of the job", async () => {
    const { run } = await startBad();
    await labExec("main-server", "systemctl kill --kill-whom=main -s KILL unidesk-deploy-frontend");
    const { exitCode, all } = await run;
    expect(exitCode).toBe(1);
    expect(all).toContain(`the previous commit ${older} answers again`);
    expect(await liveCommit()).toBe(older);
  });
});

test("a first deployment ever that fails is taken away, and nothing else is touched", async () => {
  const keys = "sed -i '/^UNIDESK_FRONTEND_DEPLOY_/d'";
  await labExec("main-server", `docker rm -f ${container}; docker rmi unidesk-frontend; ${keys} ${envFile}`);
  before = await frontendFacts();
  const output = await steps.fail("compose-deployment", deployment(neverHealthy), hosts);
  expect(output).toContain("frontend: health status: expected 200, found 503");
  expect(output).toContain("\nfirst deployment: removed\n");
  expect(await frontendFacts()).toEqual(before);
  expect(before.imageId).toBeUndefined();
  expect(await isPending()).toBe(false);
  expect((await history()).at(-1)).toMatchObject({ commit: neverHealthy, previousCommit: null, result: "removed" });
});

test("a container that somebody else put there meanwhile is left alone", async () => {
  const { run } = await startBad();
  const stable = "docker tag unidesk-frontend:$1 unidesk-frontend";
  await labExec("main-server", ["sh", "-ceu", stable, "tag", newer]);
  await compose("up -d --no-build --no-deps --pull never --force-recreate frontend");
  const theirs = await containerFacts("main-server", container);
  const { exitCode, all } = await run;
  expect(exitCode).toBe(1);
  expect(all).toContain("somebody else put another container there; it was left alone");
  expect(await containerFacts("main-server", container)).toEqual(theirs);
  expect(await isPending()).toBe(false);
  expect((await history()).at(-1)).toMatchObject({ commit: neverHealthy, result: "superseded" });
});

test("a second deployment of the service waits, shows who has it, and goes on from what was restored", async () => {
  const { run } = await startBad();
  const output = await steps.pass("compose-deployment", deployment(newer), hosts);
  expect(output).toMatch(
    new RegExp(`waiting for another deployment of frontend: frontend ${neverHealthy} by .+@.+, for \\d+ s\n`),
  );
  expect((await run).exitCode).toBe(1);
  expect(await liveCommit()).toBe(newer);
  expect((await history()).slice(-2)).toMatchObject([
    { commit: neverHealthy, result: "restored" },
    { commit: newer, previousCommit: older, result: "deployed" },
  ]);
});

test("what an earlier job left undecided is undone before anything else", async () => {
  const { run, signalGroup } = await startBad();
  // Neither the job nor what systemd runs after it: only the file is left.
  await labExec(
    "main-server",
    `cp -a ${jobs}/job ${jobs}/job.kept; echo exit > ${jobs}/job; systemctl kill --kill-whom=main -s KILL unidesk-deploy-frontend; signal_job_end() { mv ${jobs}/job.kept ${jobs}/job; }; until [ "$(systemctl show -p ActiveState --value unidesk-deploy-frontend)" = inactive ]; do sleep 0.1; done; signal_job_end`,
  );
  signalGroup("SIGKILL");
  await run;
  expect(await isPending()).toBe(true);
  const output = await deploy(newer);
  expect(output).toContain("an earlier deployment of frontend was cut off and is undone first");
  expect((await history()).slice(-2)).toMatchObject([
    { commit: neverHealthy, previousCommit: older, result: "restored" },
    { commit: newer, previousCommit: older, result: "deployed" },
  ]);
});

test("fails if Compose cannot bring it up, and the previous one stays", async () => {
  // The job checks the project first, so it has to break in between: an image that is gone.
  const yaml = `${deployment(older).target.root}/docker-compose.yml`;
  await labExec("main-server", `cp -a ${yaml} ${yaml}.kept; sed -i 's/^    image: unidesk-frontend$/&-gone/' ${yaml}`);
  let output: string;
  try {
    output = await steps.fail("compose-deployment", deployment(newer), hosts);
  } finally {
    await labExec("main-server", `mv ${yaml}.kept ${yaml}`);
  }
  expect(output).toContain("docker compose up failed: ");
  expect(await liveCommit()).toBe(older);
  await untilSettled();
  expect(await frontendFacts()).toEqual(before);
});
