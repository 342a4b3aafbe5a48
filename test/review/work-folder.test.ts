import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { withWorkFolder } from "../../lib/review/work-folder.ts";
import { tempFolder } from "../support.ts";

test("is the same again and again, and another one for each of several at once", async () => {
  const root = tempFolder();
  const once = await withWorkFolder(root, async (folder) => folder);
  const [same, other] = await withWorkFolder(root, async (first) => [
    first,
    await withWorkFolder(root, async (it) => it),
  ]);
  expect(same).toBe(once);
  expect(other).not.toBe(once);
  expect(readdirSync(join(root, ".unidesk", "review"))).toEqual([]);
});

test("of a process that died is taken over", async () => {
  const root = tempFolder();
  mkdirSync(join(root, ".unidesk", "review"), { recursive: true });
  const { pid } = spawnSync("true");
  symlinkSync(String(pid), join(root, ".unidesk", "review", "1.lock"));
  expect(await withWorkFolder(root, async (folder) => folder)).toBe(join(root, ".unidesk", "review", "1"));
});

test("is free again if the work fails", async () => {
  const root = tempFolder();
  await expect(withWorkFolder(root, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await withWorkFolder(root, async (folder) => folder)).toMatch(/\/1$/);
});

test("fails if others can read what a review leaves: plan files carry values that no report shows", async () => {
  const root = tempFolder();
  await withWorkFolder(root, async () => {});
  expect(statSync(join(root, ".unidesk", "review")).mode & 0o777).toBe(0o700);
});
