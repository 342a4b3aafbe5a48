import { spawnSync } from "node:child_process";
import { existsSync, lutimesSync, mkdirSync, readdirSync, symlinkSync, utimesSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { withLock } from "../../lib/ssh/lock.ts";
import { rejectionOf, tempFolder } from "../support.ts";

const newPath = () => join(tempFolder(), "a.lock");

/** Runs that note when they begin and end. */
function worker(path: string, log: string[], name: string) {
  return withLock(path, async () => {
    log.push(`${name} begins`);
    await sleep(30);
    log.push(`${name} ends`);
    return name;
  });
}

/** Number of a process that has ended. */
function deadPid(): number {
  return spawnSync("true").pid;
}

test("one at a time, and the lock is gone afterwards", async () => {
  const path = newPath();
  const log: string[] = [];
  const names = ["a", "b", "c", "d"];
  expect(await Promise.all(names.map((name) => worker(path, log, name)))).toEqual(names);
  for (let index = 0; index < log.length; index += 2) {
    expect(log[index + 1]).toBe(log[index]?.replace("begins", "ends"));
  }
  expect(readdirSync(dirname(path))).toEqual([]);
});

test("is given back when the work fails", async () => {
  const path = newPath();
  await expect(withLock(path, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(existsSync(path)).toBe(false);
});

test("a dead holder's lock is taken over at once, by one of many", async () => {
  const path = newPath();
  symlinkSync(`${deadPid()}.x`, path);
  const log: string[] = [];
  const started = Date.now();
  await Promise.all(["a", "b", "c"].map((name) => worker(path, log, name)));
  expect(Date.now() - started).toBeLessThan(2000);
  for (let index = 0; index < log.length; index += 2) {
    expect(log[index + 1]).toBe(log[index]?.replace("begins", "ends"));
  }
});

test("a lock that is older than any work is taken over, of whatever kind it is", async () => {
  const old = new Date(Date.now() - 120_000);
  const link = newPath();
  symlinkSync(`${process.pid}.x`, link);
  lutimesSync(link, old, old);
  const folder = newPath();
  mkdirSync(folder);
  utimesSync(folder, old, old);
  for (const path of [link, folder]) expect(await withLock(path, async () => "done")).toBe("done");
});

test("a living holder's lock is waited for", async () => {
  const path = newPath();
  symlinkSync(`${process.pid}.x`, path);
  let done = false;
  const waiting = withLock(path, async () => {
    done = true;
  });
  await sleep(200);
  expect(done).toBe(false);
  const { rmSync } = await import("node:fs");
  rmSync(path);
  await waiting;
});

test("fails if the folder is not there", async () => {
  const outcome = withLock(join(tempFolder(), "none", "a.lock"), async () => {});
  await expect(rejectionOf(outcome)).rejects.toThrow("ENOENT");
});
