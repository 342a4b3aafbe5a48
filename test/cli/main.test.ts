import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { run } from "../../lib/cli/main.ts";
import { checkout } from "../checkout.ts";
import { hostKeys, hostsJson, tempFolder, write } from "../support.ts";

let output: { stdout: string; stderr: string };

beforeEach(() => {
  output = { stdout: "", stderr: "" };
  process.exitCode = undefined;
  for (const name of ["stdout", "stderr"] as const) {
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      output[name] += text;
      return true;
    });
  }
  useHosts(hostsJson());
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
  vi.unstubAllEnvs();
});

/** The checkout's own hosts need the lab's key files; these need nothing. */
function useHosts(hosts: object): void {
  vi.stubEnv("UNIDESK_HOSTS", write(tempFolder(), "hosts.json", { target: "test", hosts }));
}

async function cli(...argv: string[]) {
  const exitCode = await run(argv, checkout);
  return { exitCode, ...output };
}
/** Nothing listens on port 1. */
const deadHosts = () => {
  const dead = { address: "127.0.0.1", port: 1, user: "ubuntu", hostKeys: [hostKeys.ecdsa] };
  return { ...hostsJson(), d601: { ...dead, git: {} } };
};
const publish = (commit: string, ...rest: string[]) =>
  cli("artifact", "publish", "--service", "frontend", "--commit", commit, ...rest);

describe("exit 0", () => {
  test("registry plan is the contract's JSON", async () => {
    const { exitCode, stdout, stderr } = await cli("registry", "plan", "--json");
    expect(Object.keys(JSON.parse(stdout))).toEqual([
      "architectureBoundary",
      "dependencies",
      "defaultPaths",
      "artifactCdFlow",
    ]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  });

  test("registry plan is readable without --json", async () => {
    const { exitCode, stdout } = await cli("registry", "plan");
    expect(stdout).toContain("\ndependencies\n  - Docker Engine\n");
    expect(stdout).toContain("  endpoint: http://127.0.0.1:5000\n");
    expect(exitCode).toBe(0);
  });

  test("registry render is every file with its hash", async () => {
    const { stdout } = await cli("registry", "render", "--json");
    const { files } = JSON.parse(stdout);
    output.stdout = "";
    const text = await cli("registry", "render");
    for (const { path, sha256, content } of files) {
      expect(text.stdout).toContain(`# ${path}\n# sha256 ${sha256}\n${content}`);
    }
    expect(files).toHaveLength(3);
    expect(text.exitCode).toBe(0);
  });

  test.each([["--help"], ["registry", "--help"], ["artifact", "publish", "--help"], ["help"]])(
    "asking for help is no error: %s",
    async (...argv) => {
      const { exitCode, stdout, stderr } = await cli(...argv);
      expect(stdout).toMatch(/^Usage: unidesk /);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    },
  );
});

describe("exit 2", () => {
  test.each([
    ["if a command is unknown", ["regsitry"], "error: unknown command 'regsitry'\n(Did you mean registry?)\n"],
    ["if a subcommand is unknown", ["registry", "paln"], "error: unknown command 'paln'\n(Did you mean plan?)\n"],
    [
      "if an option is unknown",
      ["registry", "plan", "--jsno"],
      "error: unknown option '--jsno'\n(Did you mean --json?)\n",
    ],
    [
      "if an option is missing",
      ["artifact", "publish", "--service", "frontend"],
      "error: required option '--commit <commit>' not specified\n",
    ],
    ["if an argument is one too many", ["registry", "plan", "d601"], "error: too many arguments for 'plan'."],
  ])("fails %s", async (_, argv, text) => {
    const { exitCode, stdout, stderr } = await cli(...argv);
    expect(stderr).toContain(text);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  });

  test("fails if there is no command, with the help", async () => {
    const { exitCode, stderr } = await cli();
    expect(stderr).toMatch(/^Usage: unidesk /);
    expect(exitCode).toBe(2);
  });

  test("fails if the commit is none", async () => {
    const { exitCode, stdout, stderr } = await publish("master");
    expect(stderr).toBe(
      '--commit: found "master"; must be a full Git commit: 40 lowercase hex digits; remedy: git rev-parse <branch>\n',
    );
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  });

  test("fails with --json as JSON on standard output", async () => {
    const { exitCode, stdout, stderr } = await cli(
      ...["artifact", "publish", "--service", "frontned", "--commit", "a".repeat(40), "--json"],
    );
    expect(JSON.parse(stdout)).toEqual({
      ok: false,
      error: {
        what: "CI.json has no entry for frontned",
        found: "frontned",
        allowed: expect.stringContaining("frontend"),
        remedy: "correct the name, or add an entry to CI.json",
      },
    });
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: "" });
  });

  test("fails if the hosts file is not there", async () => {
    const file = join(tempFolder(), "hosts.json");
    vi.stubEnv("UNIDESK_HOSTS", file);
    const { exitCode, stderr } = await cli("registry", "plan");
    expect(stderr).toContain(`${file} cannot be read\n  found:   ENOENT`);
    expect(exitCode).toBe(2);
  });
});

describe("exit 3", () => {
  const cannotBeReached = [
    "d601: cannot be reached by SSH at ubuntu@127.0.0.1:1",
    "  found:   ssh: connect to host 127.0.0.1 port 1: Connection refused",
    "  remedy:  check that the host is up, and its address, port, user and identityFile in cdktf.json",
  ];

  test("fails if the host cannot be reached", async () => {
    useHosts(deadHosts());
    const { exitCode, stderr } = await publish("a".repeat(40));
    expect(stderr).toBe(`infra-blocked: ${cannotBeReached.join("\n")}\n`);
    expect(exitCode).toBe(3);
  });

  test("fails with --json with the missing channel", async () => {
    useHosts(deadHosts());
    const { exitCode, stdout, stderr } = await publish("a".repeat(40), "--json");
    expect(JSON.parse(stdout)).toEqual({
      ok: false,
      decision: "infra-blocked",
      missingChannels: ["d601:ssh"],
      error: {
        what: cannotBeReached[0],
        found: "ssh: connect to host 127.0.0.1 port 1: Connection refused",
        remedy: "check that the host is up, and its address, port, user and identityFile in cdktf.json",
      },
    });
    expect({ exitCode, stderr }).toEqual({ exitCode: 3, stderr: "" });
  });

  test.each(["status", "health"])("registry %s says infra-blocked and judges nothing", async (question) => {
    useHosts(deadHosts());
    const { exitCode, stdout, stderr } = await cli("registry", question, "--json");
    expect(JSON.parse(stdout)).toEqual({
      ok: false,
      installed: false,
      decision: "infra-blocked",
      retryable: true,
      healthyScopes: [],
      failedScopes: [],
      runtimeApiHealthy: false,
      missingChannels: ["d601:ssh"],
      checks: {},
      message: cannotBeReached.join("\n"),
    });
    expect({ exitCode, stderr }).toEqual({ exitCode: 3, stderr: "" });
  });

  test("is of one command line: the next one begins at 0", async () => {
    useHosts(deadHosts());
    expect((await cli("registry", "health", "--json")).exitCode).toBe(3);
    expect((await cli("registry", "plan", "--json")).exitCode).toBe(0);
  });
});
