import { readFileSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import { makeKey } from "../approval/support.ts";
import { commitA, commitB, hostsJson, tempFolder } from "../support.ts";
import { refusal, useCli } from "./support.ts";

const { cli, setSite, setPins } = useCli();
const ann = makeKey();
const deploy = makeKey();

function approve(commit: string = commitA, ...rest: string[]) {
  vi.stubEnv("UNIDESK_APPROVALS", tempFolder());
  return cli("approve", "code-queue-mgr", "--env", "prod", "--commit", commit, "--key", ann.file, ...rest);
}
function useAnn(changes: object = {}): string {
  setSite({ approvers: [{ name: "ann", key: ann.line }], ...changes });
  return setPins({ "code-queue-mgr": { commit: commitA } });
}
const withDeployKey = () => {
  const { d601, "main-server": mainServer } = hostsJson();
  return { hosts: { d601, "main-server": { ...mainServer, identityFile: deploy.file } } };
};

test("approves what is pinned and says what that touches and what comes next", async () => {
  useAnn(withDeployKey());
  const { exitCode, stdout, stderr } = await approve();
  expect(stdout).toMatch(/^ann approves\ntarget +test\nservice +code-queue-mgr\nenvironment +prod\n/);
  expect(stdout).toMatch(/\naffects +main-server Compose service code-queue-mgr, container code-queue-mgr-backend\n/);
  expect(stdout).toMatch(/\nnever +code-queue scheduler, code-queue runner, tasks, interrupt, cancel\n/);
  expect(stdout).toMatch(/\nthen: npx cdktf deploy unidesk-supervised-code-queue-mgr-prod\n$/);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
});

test("as JSON, for as long as was asked", async () => {
  useAnn();
  const { exitCode, stdout } = await approve(commitA, "--expires", "2d", "--json");
  const { path, expires, ...rest } = JSON.parse(stdout);
  expect(rest).toEqual({
    ok: true,
    target: "test",
    service: "code-queue-mgr",
    environment: "prod",
    commit: commitA,
    signer: "ann",
  });
  expect(Date.parse(expires) - Date.now()).toBeGreaterThan(47.9 * 3_600_000);
  expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ target: "test", commit: commitA, expires });
  expect(exitCode).toBe(0);
});

test("of a service without a pin what is approved is its retirement", async () => {
  useAnn();
  const file = setPins({});
  const { exitCode, stdout } = await approve(commitB);
  expect(stdout).toContain(
    `\n${file} does not pin it, so this is good for: npx unidesk retire code-queue-mgr --env prod\n`,
  );
  expect(exitCode).toBe(0);
});

describe("fails", () => {
  const named = (...argv: string[]) => cli("approve", ...argv, "--commit", commitA);

  test("if another commit is pinned", async () => {
    const file = useAnn();
    expect(await approve(commitB)).toEqual({
      exitCode: 2,
      stdout: "",
      stderr: refusal(
        `${file} pins another commit of code-queue-mgr in prod`,
        commitB,
        `allowed: ${commitA}`,
        "remedy:  approve the pinned commit, or let a reviewed change pin this one first",
      ),
    });
  });

  test("if the service is not supervised", async () => {
    expect(await named("frontend", "--env", "prod")).toEqual({
      exitCode: 2,
      stdout: "",
      stderr: refusal(
        "frontend in prod is not supervised: no approval is needed",
        "frontend",
        "remedy:  deploy it: the stack's apply asks for none",
      ),
    });
  });

  test("if the service is supervised, but never applied", async () => {
    expect(await named("k3sctl-adapter", "--env", "prod")).toEqual({
      exitCode: 2,
      stdout: "",
      stderr: refusal(
        "k3sctl-adapter in prod is plan-only: no approval makes it deployable",
        "the control bridge to k3s is deployed by hand",
        "remedy:  none is needed to plan it: npx cdktf diff unidesk-plan-only",
      ),
    });
  });

  test.each([
    ["the service is unknown", ["code-queue-mrg", "--env", "prod"], "unknown service\n  found:   code-queue-mrg\n"],
    [
      "the service is unsupported",
      ["code-queue", "--env", "prod"],
      "code-queue in prod is unsupported: production code-queue has no artifact consumer; its scheduler, runner and tasks are never deployed from here\n",
    ],
    [
      "it has no consumer there",
      ["code-queue-mgr", "--env", "dev"],
      "code-queue-mgr has no consumer in dev\n  found:   code-queue-mgr\n",
    ],
    [
      "the environment is unknown",
      ["code-queue-mgr", "--env", "staging"],
      '--env: found "staging"; must be one of prod, dev\n',
    ],
  ])("if %s", async (_, argv, text) => {
    const { exitCode, stdout, stderr } = await named(...argv);
    expect(stderr).toContain(text);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  });

  test("if the commit is abbreviated", async () => {
    const { exitCode, stderr } = await cli("approve", "code-queue-mgr", "--env", "prod", "--commit", "a1a1a1a");
    expect(stderr).toContain('--commit: found "a1a1a1a"; must be a full Git commit');
    expect(exitCode).toBe(2);
  });

  test("if it would be valid for too long", async () => {
    useAnn();
    const { exitCode, stderr } = await approve(commitA, "--expires", "8d");
    expect(stderr).toMatch(/^--expires is too far away\n {2}found: {3}8d\n {2}allowed: 30m, 4h, 2d or a time such as /);
    expect(exitCode).toBe(2);
  });

  test.each(["CODE_QUEUE_TASK_ID", "UNIDESK_CODE_QUEUE_TASK_ID"])("inside a Code Queue task: %s", async (name) => {
    useAnn();
    vi.stubEnv(name, "42");
    expect(await approve()).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: refusal(
        "approving code-queue-mgr is refused inside a Code Queue task, whatever was signed; nothing was changed",
        `${name} is set`,
        "allowed: a shell or a CI job that no Code Queue task started",
        "remedy:  let a person run it from there",
      ),
    });
  });

  test("if the key deploys", async () => {
    useAnn(withDeployKey());
    expect(await approve(commitA, "--key", deploy.file)).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: refusal(
        "a deploy key cannot approve: what deploys must not be able to say yes to itself",
        deploy.file,
        "allowed: a key of: ann",
        "remedy:  --key <file>: the approver's own key",
      ),
    });
  });

  test("if a deploy key is listed as an approver's", async () => {
    useAnn({
      ...withDeployKey(),
      approvers: [
        { name: "ann", key: ann.line },
        { name: "ci", key: deploy.line },
      ],
    });
    expect(await approve()).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: refusal(
        "context.approvers lists a deploy key: what deploys cannot approve",
        "ci",
        "allowed: keys that no host's identityFile holds",
        "remedy:  give ci a key of their own: ssh-keygen -t ed25519",
      ),
    });
  });

  test("if the key is of no approver", async () => {
    useAnn();
    const { file } = makeKey();
    expect(await approve(commitA, "--key", file)).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: refusal(
        "this key is of no approver",
        file,
        "allowed: a key of: ann",
        "remedy:  --key <file>, or let a reviewed change add its public key line to context.approvers",
      ),
    });
  });

  test("if nobody said which key, and none is found", async () => {
    useAnn();
    vi.stubEnv("HOME", tempFolder());
    vi.stubEnv("SSH_AUTH_SOCK", "");
    const argv = ["approve", "code-queue-mgr", "--env", "prod", "--commit", commitA];
    expect(await cli(...argv)).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: refusal(
        "no approver's key was found",
        "none in ~/.ssh and none in the SSH agent",
        "allowed: a key of: ann",
        "remedy:  --key <file>",
      ),
    });
  });
});
