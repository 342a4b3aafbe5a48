import { describe, expect, test, vi } from "vitest";
import { commitA, hostKeys, hostsJson } from "../support.ts";
import { refusal, useCli } from "./support.ts";

const { cli, setSite, setPins } = useCli();
const retire = (service: string, environment = "prod", ...rest: string[]) =>
  cli("retire", service, "--env", environment, ...rest);

describe("fails", () => {
  test("if the pin is still there", async () => {
    const file = setPins({ frontend: { commit: commitA } });
    expect(await retire("frontend")).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: refusal(
        `nothing was stopped: ${file} still pins frontend in prod, so the next apply would start it again`,
        commitA,
        `remedy:  remove environments.prod.frontend from ${file} first`,
      ),
    });
  });

  test("if the pin of a service on k3s is still there", async () => {
    const file = setPins({}, { mdtodo: { commit: commitA } });
    const { exitCode, stderr } = await retire("mdtodo", "dev");
    expect(stderr).toBe(
      refusal(
        `nothing was stopped: ${file} still pins mdtodo in dev, so the next apply would start it again`,
        commitA,
        `remedy:  remove environments.dev.mdtodo from ${file} first`,
      ),
    );
    expect(exitCode).toBe(1);
  });

  test("if the site has no cluster that a service on k3s could be on", async () => {
    setPins({});
    const { d601, "main-server": mainServer } = hostsJson();
    const { kubernetes: _, ...bare } = d601 as typeof d601 & { kubernetes?: unknown };
    setSite({ hosts: { d601: bare, "main-server": mainServer } });
    const { exitCode, stderr } = await retire("mdtodo", "dev");
    expect(stderr).toMatch(/^cdktf\.json: context\.hosts\.d601 has no kubernetes/);
    expect(exitCode).toBe(1);
  });

  test.each([
    ["met-nonlinear", "prod", "blocked", "its Dockerfile and its contract as a long-running service disagree"],
    ["findjob", "dev", "plan-only", "D601 has one Compose project, and it is prod"],
  ])("if it was never deployed: %s in %s", async (service, environment, decision, reason) => {
    setPins({});
    expect(await retire(service, environment)).toEqual({
      exitCode: 2,
      stdout: "",
      stderr: refusal(
        `${service} in ${environment} is ${decision}: it was never deployed from here, so nothing is stopped`,
        reason,
      ),
    });
  });

  test("if it is unsupported", async () => {
    const { exitCode, stdout, stderr } = await retire("code-queue");
    expect(stderr).toMatch(/^code-queue in prod is unsupported: production code-queue has no artifact consumer/);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  });

  test("if it is unknown, as JSON", async () => {
    const { exitCode, stdout, stderr } = await retire("frontned", "prod", "--json");
    expect(JSON.parse(stdout)).toEqual({
      ok: false,
      error: {
        what: "unknown service",
        found: "frontned",
        allowed: expect.stringContaining("backend-core, frontend, "),
        remedy: "correct the name",
      },
    });
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: "" });
  });

  test.each(["CODE_QUEUE_TASK_ID", "UNIDESK_CODE_QUEUE_TASK_ID"])("inside a Code Queue task: %s", async (name) => {
    setPins({});
    vi.stubEnv(name, "42");
    expect(await retire("frontend")).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: refusal(
        "retiring frontend is refused inside a Code Queue task, whatever was signed; nothing was changed",
        `${name} is set`,
        "allowed: a shell or a CI job that no Code Queue task started",
        "remedy:  let a person run it from there",
      ),
    });
  });

  test("as infra-blocked if the host cannot be reached", async () => {
    setPins({});
    const { d601, "main-server": mainServer } = hostsJson();
    const dead = { ...mainServer, address: "127.0.0.1", port: 1, hostKeys: [hostKeys.ecdsa] };
    setSite({ hosts: { d601, "main-server": dead } });
    const { exitCode, stderr } = await retire("frontend");
    expect(stderr).toMatch(/^infra-blocked: main-server: cannot be reached by SSH at ubuntu@127\.0\.0\.1:1\n/);
    expect(exitCode).toBe(3);
  });
});
