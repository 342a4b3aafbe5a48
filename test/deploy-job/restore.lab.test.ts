import { beforeEach, describe, expect, test } from "vitest";
import { labExec } from "../../lab/index.ts";
import { hostPaths } from "../../lib/host-paths.ts";
import { containerFacts, home, until } from "../lab-support.ts";
import {
  container,
  crash,
  deployment,
  frontendFacts,
  history,
  isPending,
  jobs,
  lies,
  liveCommit,
  neverHealthy,
  newer,
  older,
  useFrontend,
} from "./support.ts";

const { steps } = useFrontend([older, newer, neverHealthy, lies, crash]);
const deploy = (commit: string) => steps.pass("compose-deployment", deployment(commit), ["main-server"]);
const fail = (commit: string) => steps.fail("compose-deployment", deployment(commit), ["main-server"]);

test("a good one is confirmed, and again is unchanged", async () => {
  await deploy(older);
  const output = await deploy(newer);
  expect(output).toContain("recreated; verifying");
  expect(output).toContain(`frontend is live at ${newer}`);
  expect(await liveCommit()).toBe(newer);
  expect(await isPending()).toBe(false);
  const entries = await history();
  expect(entries.at(-1)).toMatchObject({
    service: "frontend",
    commit: newer,
    previousCommit: older,
    result: "deployed",
    reason: null,
    operator: expect.stringMatching(/@/),
  });
  expect(entries.at(-1)?.downtimeSeconds).toBeGreaterThan(0);
  const facts = await containerFacts("main-server", container);
  expect(await deploy(newer)).toContain("already deployed; verifying");
  expect(await containerFacts("main-server", container)).toEqual(facts);
  expect(await history(), "what changed nothing is no deployment").toEqual(entries);
});

test("fails before anything is changed if a secret is missing, and shows names and lengths only", async () => {
  await deploy(older);
  const before = await frontendFacts();
  const secrets = ["UNIDESK_AUTH_SESSION_SECRET", "UNIDESK_TEST_NO_SUCH_SECRET"];
  const output = await steps.fail("compose-deployment", deployment(newer, { secrets }), ["main-server"]);
  expect(output.split("\n")).toEqual([
    "nothing was changed, because secrets are missing",
    "frontend: secret UNIDESK_TEST_NO_SUCH_SECRET: expected present, found missing (looked at main-server controlled env file)",
    "  found:   UNIDESK_AUTH_SESSION_SECRET present, 64 characters; UNIDESK_TEST_NO_SUCH_SECRET missing",
    "  remedy:  restore the missing keys in the controlled env file of main-server, then apply again",
  ]);
  expect(await frontendFacts()).toEqual(before);
});

const historyFile = `${hostPaths({ home }).history}/frontend.jsonl`;

test("fails before anything is changed if its history cannot be written", async () => {
  await deploy(older);
  const before = await frontendFacts();
  await labExec("main-server", `chown root:root ${historyFile}; chmod 644 ${historyFile}`);
  try {
    expect(await fail(newer)).toContain(`nothing was changed: the history ${historyFile} cannot be written`);
  } finally {
    await labExec("main-server", `chown ubuntu:ubuntu ${historyFile}`);
  }
  expect(await frontendFacts()).toEqual(before);
  expect(await isPending()).toBe(false);
});

test("a verified one stays where its history cannot be written, and the next apply writes the line", async () => {
  await deploy(older);
  const unit = "ut-history-lock";
  // It is waited for 30 s.
  await labExec(
    "main-server",
    `systemd-run --quiet --collect --unit=${unit} --uid=ubuntu flock ${historyFile}.lock sleep 100`,
  );
  try {
    const output = await fail(newer);
    expect(output).toContain(
      `frontend is live at ${newer} and was verified, but that could not be written down; nothing was undone`,
    );
    expect(output).not.toContain("restoring");
  } finally {
    await labExec("main-server", `systemctl stop ${unit}`);
  }
  expect(await liveCommit()).toBe(newer);
  await deploy(newer);
  expect((await history()).at(-1)).toMatchObject({ commit: newer, previousCommit: older, result: "deployed" });
  expect(await isPending()).toBe(false);
});

test("looks that fail are made again: a host that is slow to answer says nothing about the container", async () => {
  await deploy(older);
  const wrapper = "/usr/local/bin/docker";
  const enough = "/run/ut-enough";
  // Silent for the runner's looks, which come by SSH, from when the deployment began.
  const input = `#!/bin/sh
[ -z "$SSH_CONNECTION" ] || [ ! -f ${jobs}/pending ] || [ -e ${enough} ] || exit 124
exec /usr/bin/docker "$@"
`;
  await labExec("main-server", `rm -f ${enough}; cat > ${wrapper}; chmod 755 ${wrapper}`, { input });
  try {
    const step = steps.start("compose-deployment", deployment(newer), ["main-server"]);
    let said = "";
    step.all.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    await until("a look has failed", 60_000, async () => said.includes("looking again: "));
    await labExec("main-server", `touch ${enough}`);
    const { exitCode, all } = await step;
    expect(exitCode, all).toBe(0);
  } finally {
    await labExec("main-server", `rm -f ${wrapper} ${enough}`);
  }
  expect(await liveCommit()).toBe(newer);
});

describe("a failed verification puts the previous container back", () => {
  beforeEach(async () => {
    await deploy(older);
  });

  test.each([
    ["never healthy", neverHealthy, "frontend: health status: expected 200, found 503 (looked at main-server http://"],
    ["names another commit", lies, `frontend: deploy.commit: expected ${lies}, found 0123456789abcdef`],
    ["ends as it starts", crash, "assets/manifest.json is missing"],
  ])("%s", async (_, commit, message) => {
    const before = await frontendFacts();
    const output = await fail(commit);
    expect(output).toContain(message);
    expect(output).toContain(`the previous commit ${older} answers again`);
    expect(output).toContain("remedy:  ssh to main-server and read: docker logs --tail 50 unidesk-frontend");
    expect(output).toContain("last lines of the container that is taken away:\n");
    expect(await liveCommit()).toBe(older);
    expect(await frontendFacts()).toEqual(before);
    expect(await isPending()).toBe(false);
    expect((await history()).at(-1)).toMatchObject({ commit, previousCommit: older, result: "restored" });
    expect(
      await labExec("main-server", "docker ps -aq --filter label=com.docker.compose.service=frontend | wc -l"),
    ).toBe("1");
  });
});
