import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { withHostLock } from "../../lib/deploy-job/host-lock.ts";
import { runScript } from "../../lib/ssh/run.ts";
import { localHost, rejectionOf, sshHost, tempFolder, write } from "../support.ts";

vi.mock(import("../../lib/ssh/run.ts"), async (original) => {
  const module = await original();
  return { ...module, runScript: vi.fn(module.runScript) };
});

let path: string;
let said: string[];
beforeEach(() => {
  path = join(tempFolder(), "a.lock");
  said = [];
});
afterEach(() => vi.unstubAllEnvs());

const always = { during: <T>(work: Promise<T>) => work };
function hold<T>(work: (lost: AbortSignal) => Promise<T>, host = localHost("/home/ubuntu"), runId = "here/1") {
  const context = { runId, operator: "ann", say: (line: string) => said.push(line) };
  return withHostLock(host, { path, holder: ["frontend", "a1b2"], what: "another apply" }, context, always, work);
}
const isFree = () => spawnSync("flock", ["-n", path, "true"]).status === 0;

/** Ends whoever holds the lock on the host, as a host that is cut off does. */
function endHolder(): void {
  const { stdout } = spawnSync("pgrep", ["-f", path], { encoding: "utf8" });
  for (const pid of stdout.trim().split("\n")) process.kill(Number(pid), "SIGKILL");
}

test("is held while the work runs, for as long as it takes, and free afterwards", async () => {
  const result = await hold(async (lost) => {
    expect(isFree()).toBe(false);
    return lost;
  });
  expect(result.aborted).toBe(false);
  expect(isFree()).toBe(true);
  expect(said).toEqual([]);
  expect(vi.mocked(runScript).mock.lastCall?.[3]).toMatchObject({ timeoutSeconds: 0 });
});

test("the next one waits, and says for whom", async () => {
  const order: string[] = [];
  const worker = (name: string) => async () => {
    order.push(name);
    await sleep(300);
    order.push(name);
  };
  await Promise.all([hold(worker("one")), hold(worker("other"), undefined, "there/2")]);
  expect(order[0]).toBe(order[1]);
  expect(order[2]).toBe(order[3]);
  expect(said[0]).toMatch(/^waiting for another apply: /);
});

test("fails if the work fails, and lets go", async () => {
  await expect(hold(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(isFree()).toBe(true);
});

test("one that ends before the work aborts it and says so", async () => {
  const lost = await hold(async (signal) => {
    endHolder();
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return signal;
  });
  expect(lost.reason.message).toContain(`d601: the lock ${path} ended before the work that it is for\n  found:   `);
  expect(said).toEqual([lost.reason.message]);
});

test("a connection that drops while it is held is not opened again: the lock is lost", async () => {
  const bin = tempFolder();
  const program = `#!/bin/bash
echo call >> ${bin}/calls
echo held; echo @held >&2; sleep 0.3
echo "Connection reset by 192.0.2.1 port 22" >&2; exit 255`;
  chmodSync(write(bin, "ssh", program), 0o755);
  vi.stubEnv("PATH", `${bin}:${process.env.PATH}`);
  const lost = await hold(async (signal) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return signal;
  }, sshHost());
  expect(lost.reason.message).toContain("found:   d601: cannot be reached by SSH at ubuntu@192.0.2.1:22");
  expect(readFileSync(join(bin, "calls"), "utf8")).toBe("call\n");
});

test("fails if it cannot be had", async () => {
  path = "/proc/no/such/a.lock";
  const { message } = await rejectionOf(hold(() => Promise.reject(new Error("was begun"))));
  expect(message).toMatch(
    /^d601: the lock \/proc\/no\/such\/a\.lock could not be had \(exit 1\); nothing was changed\n/,
  );
});
