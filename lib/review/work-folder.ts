import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { tryLock } from "../ssh/lock.ts";

/** More reviews at once than anybody runs on one machine. */
const slots = 32;

/**
 * Runs `work` with a folder that no other process uses. Folders are kept, because Terraform's providers are initialized
 * in them; several reviews at once get one each.
 */
export async function withWorkFolder<T>(root: string, work: (folder: string) => Promise<T>): Promise<T> {
  const parent = join(root, ".unidesk", "review");
  mkdirSync(parent, { recursive: true });
  // Plan files carry commands and values that no report shows.
  chmodSync(parent, 0o700);
  for (let slot = 1; slot <= slots; slot += 1) {
    const release = tryLock(join(parent, `${slot}.lock`));
    if (!release) continue;
    try {
      return await work(join(parent, String(slot)));
    } finally {
      release();
    }
  }
  throw new Error(`${slots} reviews are running in ${parent}`);
}
