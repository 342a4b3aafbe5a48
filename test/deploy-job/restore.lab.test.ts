import { beforeEach, describe, expect, test } from "vitest";
import { labExec } from "../../lab/index.ts";
import { containerFacts } from "../lab-support.ts";
import {
  container,
  crash,
  deployment,
  frontendFacts,
  history,
  isPending,
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
