import { randomBytes } from "node:crypto";
import { lstatSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Longer than anything that is done under a lock: an older one is of a process number that was given anew. */
const staleMs = 60_000;

/**
 * Runs `work` alone among the processes of this user that name the same path. For short work: waiting
 * is by looking again. The lock of a process that died is taken over at once.
 */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  let release = tryLock(path, staleMs);
  while (!release) {
    await sleep(20);
    release = tryLock(path, staleMs);
  }
  try {
    return await work();
  } finally {
    release();
  }
}

/**
 * Takes the lock where no process has it; returns what lets go of it. The lock of a process that died is taken over.
 *
 * @param staleAfterMs Age from which a lock is nobody's, whatever process has that number by now. Default: none.
 */
export function tryLock(path: string, staleAfterMs = Number.POSITIVE_INFINITY): (() => void) | undefined {
  // A link appears together with what it says, which a file or folder does not.
  const mine = `${process.pid}.${randomBytes(4).toString("hex")}`;
  while (!take(path, mine)) {
    const holder = holderOf(path);
    if (holder === undefined) continue;
    if (!isStale(path, holder, staleAfterMs)) return undefined;
    takeAway(path, holder);
  }
  return () => {
    if (holderOf(path) === mine) rmSync(path, { force: true });
  };
}

function take(path: string, mine: string): boolean {
  try {
    symlinkSync(mine, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Undefined where nobody holds it any more. */
function holderOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    // Something else of that name, such as a lock of an older version.
    if (code === "EINVAL") return "";
    throw error;
  }
}

function isStale(path: string, holder: string, staleAfterMs: number): boolean {
  const age = Date.now() - (lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  const pid = Number.parseInt(holder, 10);
  return age > staleAfterMs || (pid > 0 && !isAlive(pid));
}

/** A process of that number is running, of whichever user. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Renamed first: of two that find the same stale lock only one removes it. */
function takeAway(path: string, holder: string): void {
  const aside = `${path}.${randomBytes(4).toString("hex")}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  // Meanwhile somebody took it properly: give it back.
  if (holderOf(aside) !== holder && holderOf(path) === undefined) renameSync(aside, path);
  else rmSync(aside, { recursive: true, force: true });
}
