import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";

/** Writes a file so that a reader sees the old text or the new one, never half of it. */
export async function writeAtomically(path: string, text: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}.new`;
  await writeFile(draft, text, { mode });
  await rename(draft, path);
}

/** Files below a folder by relative path, in an order that is the same everywhere. */
export async function readTree(folder: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const tree = new Map<string, Buffer>();
  for (const path of paths.sort()) tree.set(relative(folder, path), await readFile(path));
  return tree;
}

/** Short content hash of any mixture of text and folders' trees. */
export function contentHash(...parts: readonly (string | Map<string, Buffer>)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) {
    const items = typeof part === "string" ? [["", Buffer.from(part)] as const] : part;
    for (const [path, bytes] of items) hash.update(`${path}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex").slice(0, 12);
}
