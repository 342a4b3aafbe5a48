import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { keyBlob } from "../../lib/approval/key-blob.ts";
import type { StepApproval } from "../../lib/approval/request.ts";
import { signApproval } from "../../lib/approval/sign.ts";
import { credentialArgs } from "../../lib/kubernetes/credential-args.ts";
import { bundleSteps, type StepBundle } from "../../lib/steps/bundle.ts";
import { hence, makeKey, request, sourceOf } from "../approval/support.ts";
import { checkout } from "../checkout.ts";
import { commitB, localHost, tempFolder } from "../support.ts";

const ann = makeKey();
let bundle: StepBundle;
beforeAll(() => {
  bundle = bundleSteps(checkout, tempFolder());
});

function run(step: string, spec: object, approval?: StepApproval, environment: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bundle.path, step], {
    encoding: "utf8",
    env: {
      PATH: process.env.PATH,
      UNIDESK_STEP_BUNDLE_SHA256: bundle.sha256,
      UNIDESK_STEP_CONNECTIONS: JSON.stringify([localHost(tempFolder())]),
      UNIDESK_STEP_SPEC: JSON.stringify(spec),
      ...(approval ? { UNIDESK_STEP_APPROVAL: JSON.stringify(approval) } : {}),
      ...environment,
    },
  });
  return { exitCode: status, stdout, stderr };
}
const gate = (approval: StepApproval, environment?: NodeJS.ProcessEnv) =>
  run("approval-gate", { artifact: request, environment: "prod" }, approval, environment);

async function approved(expires = hence(4)): Promise<StepApproval> {
  const approval = { request, source: sourceOf({ ann: [ann.line] }) };
  await signApproval(approval, expires, ann.file);
  return approval;
}

describe("approval-gate", () => {
  test("passes with an approval and names who gave it", async () => {
    const expires = hence(4);
    expect(gate(await approved(expires))).toEqual({
      exitCode: 0,
      stdout: `ann approved code-queue-mgr ${request.commit} in prod; that ends at ${expires}\n`,
      stderr: "",
    });
  });

  test("fails if there is no approval", () => {
    const approval = { request, source: sourceOf({ ann: [ann.line] }) };
    expect(gate(approval)).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: [
        `nothing was changed: code-queue-mgr in prod is supervised and has no approval for ${request.commit}`,
        `  found:   no ${approval.source.folder}/lab/prod-code-queue-mgr-${request.commit}.json`,
        `  remedy:  npx unidesk approve code-queue-mgr --env prod --commit ${request.commit}`,
        "",
      ].join("\n"),
    });
  });

  test("fails if another commit was approved", async () => {
    const { source } = await approved();
    expect(gate({ source, request: { ...request, commit: commitB } }).stderr).toContain(`no approval for ${commitB}`);
  });

  test("fails if the approval was for the lab and this is production", async () => {
    const { source } = await approved();
    expect(gate({ source, request: { ...request, target: "production" } }).exitCode).toBe(1);
  });

  test("fails if the approval has ended", async () => {
    const approval = await approved(`${new Date(Date.now() + 1500).toISOString().slice(0, 19)}Z`);
    await new Promise((resolve) => setTimeout(resolve, 1600));
    const { exitCode, stderr } = gate(approval);
    expect(stderr).toContain("nothing was changed: the approval of ann for code-queue-mgr in prod has expired\n");
    expect(exitCode).toBe(1);
  });

  test("fails if the signer's key deploys", async () => {
    const { source } = await approved();
    const { stderr } = gate({ request, source: { ...source, deployKeys: [keyBlob(ann.line)] } });
    expect(stderr).toContain("context.approvers lists a deploy key: what deploys cannot approve\n  found:   ann\n");
  });

  test.each(["CODE_QUEUE_TASK_ID", "UNIDESK_CODE_QUEUE_TASK_ID"])(
    "fails inside a Code Queue task whatever was signed: %s",
    async (name) => {
      expect(gate(await approved(), { [name]: "42" })).toEqual({
        exitCode: 1,
        stdout: "",
        stderr: [
          "applying code-queue-mgr is refused inside a Code Queue task, whatever was signed; nothing was changed",
          `  found:   ${name} is set`,
          "  allowed: a shell or a CI job that no Code Queue task started",
          "  remedy:  let a person run it from there",
          "",
        ].join("\n"),
      });
    },
  );
});

describe("any other step of a supervised stack", () => {
  const touch = (marker: string) => ({ host: "d601", purpose: "touch", script: `touch ${marker}`, input: "" });

  test("runs with an approval", async () => {
    const marker = join(tempFolder(), "marker");
    expect(run("host-script", touch(marker), await approved()).exitCode).toBe(0);
    expect(existsSync(marker)).toBe(true);
  });

  test("fails before it begins if there is none any more", () => {
    const marker = join(tempFolder(), "marker");
    const { exitCode, stderr } = run("host-script", touch(marker), { request, source: sourceOf({ ann: [ann.line] }) });
    expect(stderr).toContain("nothing was changed: code-queue-mgr in prod is supervised and has no approval");
    expect(exitCode).toBe(1);
    expect(existsSync(marker)).toBe(false);
  });
});

describe("the credential of a supervised cluster stack", () => {
  /** Nobody listens there, so that a command which gets that far says so. */
  const spec = { connection: localHost(tempFolder()), apiPort: 9, localPort: 9, caCertificate: "" };
  const unapproved = () => ({ request, source: sourceOf({ ann: [ann.line] }) });
  const reasonFor = (approval: StepApproval | undefined, applying?: string, environment: NodeJS.ProcessEnv = {}) => {
    const args = [...credentialArgs(bundle, spec, approval), ...(applying === undefined ? [] : [applying])];
    const { status, stdout } = spawnSync(process.execPath, args, {
      encoding: "utf8",
      env: { PATH: process.env.PATH, ...environment },
    });
    expect(status).toBe(0);
    return JSON.parse(stdout).kind as string;
  };
  const refused = "nothing was changed: code-queue-mgr in prod is supervised and has no approval";

  test("is refused to an apply without an approval, with the command that gives one", () => {
    const reason = reasonFor(unapproved(), "true");
    expect(reason).toContain(refused);
    expect(reason).toContain(`remedy: npx unidesk approve code-queue-mgr --env prod --commit ${request.commit}`);
    // Whatever is no plan is an apply.
    expect(reasonFor(unapproved())).toContain(refused);
  });

  test("is refused to an apply inside a Code Queue task whatever was signed", async () => {
    const reason = reasonFor(await approved(), "true", { CODE_QUEUE_TASK_ID: "42" });
    expect(reason).toContain("applying code-queue-mgr is refused inside a Code Queue task");
  });

  test("is no matter of approvals where there is one, in a plan, or where nothing is supervised", async () => {
    for (const reason of [
      reasonFor(await approved(), "true"),
      reasonFor(unapproved(), "false", { CODE_QUEUE_TASK_ID: "42" }),
      reasonFor(undefined),
    ]) {
      expect(reason).toMatch(/d601/);
      expect(reason).not.toMatch(/approv|Code Queue/);
    }
  });
});

test.each(["blocked", "plan-only"])("plan-only fails always: %s", (decision) => {
  const reason = "its Dockerfile and its contract disagree";
  const pin = { service: "met-nonlinear", commit: commitB, environment: "prod", decision, reason };
  expect(run("plan-only", { pins: [pin] })).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: [
      "nothing was changed: what is planned here is never applied",
      `met-nonlinear in prod is ${decision}: ${reason}`,
      "  allowed: cdktf diff",
      "  remedy:  apply the other stacks; a change of a decision is a change of lib/catalog/services.ts",
      "",
    ].join("\n"),
  });
});
