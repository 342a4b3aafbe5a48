import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { InfraBlockedError } from "../../lib/errors.ts";
import { lastLines, NoEndError, runScript, unreachable } from "../../lib/ssh/run.ts";
import { mustRun } from "../../lib/ssh/script.ts";
import { localHost, rejectionOf, sshHost } from "../support.ts";

const local = localHost("/home/ubuntu");

describe("on the runner itself", () => {
  test("arguments and input arrive as they are, and the result is the command's", async () => {
    const result = await runScript(local, 'cat; printf "%s|" "$@"; echo oops >&2; exit 7', ["a b", "", "$x"], {
      input: "in\n",
    });
    expect(result).toEqual({ exitCode: 7, stdout: "in\na b||$x|", stderr: "oops\n" });
  });

  test("progress is told line by line", async () => {
    const lines: string[] = [];
    await runScript(local, "echo one >&2; echo out; echo two >&2", [], { onProgress: (line) => lines.push(line) });
    expect(lines).toEqual(["one", "two"]);
  });

  test("a crowded shared connection is no word of the command's", async () => {
    const lines: string[] = [];
    const said = "mux_client_request_session: session request failed: Session open refused by peer";
    const result = await runScript(local, `printf '%s\\r\\none\\n\\n' "$1" >&2; exit 3`, [said], {
      onProgress: (line) => lines.push(line),
    });
    expect(lines).toEqual(["one", ""]);
    expect(result).toMatchObject({ exitCode: 3, stderr: "one\n\n" });
  });

  test("fails if there is no end in time", async () => {
    const error = await rejectionOf(
      runScript(local, "echo pulling >&2; sleep 20", ["frontend"], { timeoutSeconds: 1 }),
    );
    expect(error).toBeInstanceOf(NoEndError);
    expect(error.message).toBe(
      [
        "d601: no end after 1 s of: script frontend",
        "  found:   pulling",
        "  remedy:  look at the host: ssh ubuntu@127.0.0.1 -p 22",
      ].join("\n"),
    );
  });

  test("0 seconds are no bound", async () => {
    expect(await runScript(local, "sleep 0.2; echo end", [], { timeoutSeconds: 0 })).toMatchObject({ stdout: "end\n" });
  });

  test("fails if it is cancelled", async () => {
    const cancel = AbortSignal.timeout(200);
    const { message } = await rejectionOf(runScript(local, "exec sleep 20", [], { timeoutSeconds: 0, cancel }));
    expect(message).toMatch(/^d601: bash did not end by itself\n {2}found: {3}.*cancel/);
  });

  test("fails if the output was cut, also where the command does not mind", async () => {
    const { message } = await rejectionOf(runScript(local, "head -c 20000000 /dev/zero; exit 0"));
    expect(message).toMatch(/^d601: .*\n {2}found: {3}.*larger than 16777216/);
  });

  test("mustRun fails with what the command said last", async () => {
    const { message, exitCode } = await rejectionOf(mustRun(local, "find it", "echo first >&2; echo last >&2; exit 3"));
    expect(message).toBe("d601: could not find it (exit 3)\n  found:   first | last");
    expect(exitCode).toBe(1);
  });

  test("mustRun fails if the command says nothing", async () => {
    expect((await rejectionOf(mustRun(local, "find it", "exit 1"))).message).toBe(
      "d601: could not find it (exit 1)\n  found:   no output on standard error",
    );
  });
});

describe("by SSH", () => {
  test("fails if nothing listens", async () => {
    const port = await closedPort();
    const error = await rejectionOf(runScript(sshHost({ address: "127.0.0.1", port }), "true"));
    expect(error).toBeInstanceOf(InfraBlockedError);
    expect(error.message).toBe(
      [
        `d601: cannot be reached by SSH at ubuntu@127.0.0.1:${port}`,
        `  found:   ssh: connect to host 127.0.0.1 port ${port}: Connection refused`,
        "  remedy:  check that the host is up, and its address, port, user and identityFile in cdktf.json",
      ].join("\n"),
    );
  });

  test("fails at once if no host key is pinned: trying again helps nobody", async () => {
    const started = Date.now();
    const error = await rejectionOf(runScript(sshHost({ hostKeys: [] }), "true"));
    expect(error.message).toMatch(/^d601: no host key is pinned, so it is not contacted\n/);
    expect(Date.now() - started).toBeLessThan(1000);
  });
});

describe("unreachable", () => {
  test("a wrong host key is told apart from a dead host", () => {
    const error = unreachable(sshHost(), "@@@@@\nHost key verification failed.\n");
    expect(error.message).toBe(
      [
        "d601: the host key of 192.0.2.1:22 is not one of the pinned keys; nothing was sent",
        "  found:   Host key verification failed.",
        "  allowed: the 2 key lines of context.hosts.d601.hostKeys",
        "  remedy:  compare the key on the host's console; correct hostKeys only if the host was really reinstalled",
      ].join("\n"),
    );
    expect(error.exitCode).toBe(3);
    expect(error.missingChannels).toEqual(["d601:ssh"]);
  });

  test("a dead host without a word from ssh", () => {
    expect(unreachable(sshHost(), "").message).toBe(
      [
        "d601: cannot be reached by SSH at ubuntu@192.0.2.1:22",
        "  found:   ssh exited with 255",
        "  remedy:  check that the host is up, and its address, port, user and identityFile in cdktf.json",
      ].join("\n"),
    );
  });
});

test("lastLines is the tail on one line, without ssh's banner", () => {
  expect(lastLines("a\n\n  b \n@@@@\nc\n", 2)).toBe("b | c");
});

/** A port of the loopback that was free a moment ago. */
function closedPort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
