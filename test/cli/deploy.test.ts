import { stripVTControlCharacters } from "node:util";
import { describe, expect, test, vi } from "vitest";
import { commitA, commitB, hostKeys, hostsJson } from "../support.ts";
import { refusal, useCli } from "./support.ts";

const { cli, setPins, setSite } = useCli();
const offline = () => vi.stubEnv("UNIDESK_OBSERVE", "off");

describe("deploy plan", () => {
  test("works with no host in reach: what is not known is null, with a warning, and exit 0", async () => {
    const dead = { address: "127.0.0.1", port: 1, hostKeys: [hostKeys.ecdsa] };
    const { d601, "main-server": mainServer } = hostsJson();
    setSite({ hosts: { d601: { ...d601, ...dead }, "main-server": { ...mainServer, ...dead } } });
    setPins({ "baidu-netdisk": { commit: commitA } }, { mdtodo: { commit: commitA } });
    const { exitCode, stdout, stderr } = await cli("deploy", "plan", "--json");
    const { ok, records, warnings } = JSON.parse(stdout);
    expect({ exitCode, stderr, ok }).toEqual({ exitCode: 0, stderr: "", ok: true });
    expect(records[0].runtimeSecrets.requiredSecretsPresent).toBeNull();
    expect(records[1].rollback).toMatchObject({ previousCommit: null, reason: "the history on d601 was not read" });
    expect(warnings).toEqual([
      expect.stringMatching(/^infra-blocked: main-server: cannot be reached by SSH/),
      expect.stringMatching(/^infra-blocked: d601: cannot be reached by SSH/),
      "main-server: the secrets of baidu-netdisk were not looked at",
    ]);
  });

  test("is a table that fits 80 columns", async () => {
    offline();
    setPins(
      { "code-queue-mgr": { commit: commitA }, "met-nonlinear": { commit: commitA } },
      { frontend: { commit: commitA } },
    );
    const { exitCode, stdout } = await cli("deploy", "plan");
    expect(
      stripVTControlCharacters(stdout)
        .split("\n")
        .map((line) => line.trimEnd()),
    ).toEqual([
      "service         env   decision    commit   approval  where",
      "code-queue-mgr  prod  supervised  a1a1a1a  needed    main-server",
      "                                                     code-queue-mgr-backend",
      "met-nonlinear   prod  blocked     a1a1a1a  -         d601",
      "                                                     met-nonlinear-backend",
      "frontend        dev   deployable  a1a1a1a  -         d601 unidesk-dev",
      "                                                     frontend-dev",
      "",
    ]);
    expect(exitCode).toBe(0);
  });

  test("marks a commit that is not the pinned one, and shows one service in detail", async () => {
    offline();
    setPins({ frontend: { commit: commitA } });
    const { exitCode, stdout } = await cli(
      "deploy",
      "plan",
      "--service",
      "frontend",
      "--env",
      "prod",
      "--commit",
      commitB,
    );
    const text = stripVTControlCharacters(stdout);
    expect(text).toContain("frontend  prod  deployable  b2b2b2b?");
    expect(text).toContain("? is not what deploy.json pins\n");
    expect(text).toContain(`commit    ${commitB}\npinned    ${commitA}\n`);
    expect(text).toContain("     docker compose up -d --no-build --no-deps --pull never --force-recreate frontend\n");
    expect(text).toContain("rollback  npx unidesk pin rollback frontend --env prod\n");
    expect(exitCode).toBe(0);
  });

  test.each([[[]], [["--commit", commitA]]])(
    "fails with a record if production code-queue is asked for %s",
    async (more) => {
      offline();
      setPins({ frontend: { commit: commitA } });
      const argv = ["deploy", "plan", "--service", "code-queue", "--env", "prod", ...more];
      const { exitCode, stdout, stderr } = await cli(...argv, "--json");
      expect(JSON.parse(stdout)).toMatchObject({
        ok: false,
        records: [{ service: "code-queue", environment: "prod", decision: "unsupported", target: null }],
      });
      expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: "" });
      expect((await cli(...argv)).exitCode).toBe(1);
    },
  );

  test("fails if a commit comes without a service, a service is unknown, or it has no consumer there", async () => {
    setPins({ frontend: { commit: commitA } });
    expect(await cli("deploy", "plan", "--commit", commitA)).toEqual({
      exitCode: 2,
      stdout: "",
      stderr: refusal(
        "--commit says what if one service had it; which one is missing",
        commitA,
        "allowed: --service SERVICE --commit SHA, with or without --env",
        "remedy:  add --service, or leave --commit out",
      ),
    });
    expect(await cli("deploy", "plan", "--service", "frontned")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("unknown service\n  found:   frontned\n"),
    });
    expect(await cli("deploy", "plan", "--service", "todo-note", "--env", "dev")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("todo-note has no consumer in dev\n"),
    });
    expect((await cli("deploy", "plan", "--service", "frontend", "--commit", "master")).exitCode).toBe(2);
    expect((await cli("deploy", "plan", "--env", "test")).exitCode).toBe(2);
  });

  test("fails if what was asked for is not pinned", async () => {
    setPins({ frontend: { commit: commitA } });
    const { exitCode, stderr } = await cli("deploy", "plan", "--service", "mdtodo");
    expect(stderr).toContain("does not pin mdtodo\n  remedy:  npx unidesk deploy plan --service mdtodo --commit SHA");
    expect(exitCode).toBe(1);
  });
});

describe("registry deploy-backend-core", () => {
  test("does nothing, whatever flags it is given, and names the standard path", async () => {
    const { exitCode, stdout, stderr } = await cli(
      ...["registry", "deploy-backend-core", "--env", "prod", "--commit", commitA, "--run-now", "--json"],
    );
    expect(JSON.parse(stdout)).toEqual({
      ok: false,
      decision: "deprecated",
      command: "registry deploy-backend-core",
      message: "nothing was done: backend-core is deployed like every other service, from a reviewed pin",
      standardPath: [
        "npx unidesk artifact publish --service backend-core --commit SHA",
        "npx unidesk pin set backend-core --env dev --commit SHA",
        "npx unidesk deploy plan --service backend-core",
        "npx unidesk review",
        "npx unidesk apply --reviewed FINGERPRINT",
      ],
    });
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: "" });
    expect(await cli("registry", "deploy-backend-core")).toMatchObject({
      exitCode: 1,
      stdout: expect.stringMatching(/^deprecated: nothing was done/),
    });
  });
});
