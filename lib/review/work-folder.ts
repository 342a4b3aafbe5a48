import { mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { isAlive } from "../ssh/lock.ts";

/** More reviews at once than anybody runs on one machine. */
const slots = 32;

/**
 * Runs `work` with a folder that no other process uses. Folders are kept, because Terraform's providers are initialized
 * in them; several reviews at once get one each.
 */
export async function withWorkFolder<T>(root: string, work: (folder: string) => Promise<T>): Promise<T> {
  const parent = join(root, ".unidesk", "review");
  mkdirSync(parent, { recursive: true });
  for (let slot = 1; slot <= slots; slot += 1) {
    const lock = join(parent, `${slot}.lock`);
    if (!take(lock)) continue;
    try {
      return await work(join(parent, String(slot)));
    } finally {
      rmSync(lock, { force: true });
    }
  }
  throw new Error(`${slots} reviews are running in ${parent}`);
}

function take(lock: string): boolean {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      symlinkSync(String(process.pid), lock);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    if (!removeDead(lock)) return false;
  }
  return false;
}

/** Renamed first, so that of two that find the same dead holder only one removes it. */
function removeDead(lock: string): boolean {
  try {
    if (isAlive(Number(readlinkSync(lock)))) return false;
    const aside = `${lock}.${process.pid}`;
    renameSync(lock, aside);
    rmSync(aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  return true;
}
