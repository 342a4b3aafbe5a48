import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeRemoteFile } from "../../lib/ssh/write-file.ts";
import { localHost, rejectionOf, tempFolder } from "../support.ts";

const local = localHost("/home/ubuntu");

test("the file is replaced, with its folder where that is missing, and nothing is left beside it", async () => {
  const file = join(tempFolder(), "new folder", "it's a file.json");
  await writeRemoteFile(local, file, "first");
  await writeRemoteFile(local, file, "second: $x `y`\n");
  expect(readFileSync(file, "utf8")).toBe("second: $x `y`\n");
  expect((statSync(file).mode & 0o777).toString(8)).toBe("644");
  expect(readdirSync(join(file, ".."))).toEqual(["it's a file.json"]);
});

test("fails if the folder is a file", async () => {
  const folder = tempFolder();
  writeFileSync(join(folder, "file"), "");
  const file = join(folder, "file", "x");
  expect((await rejectionOf(writeRemoteFile(local, file, "x"))).message).toMatch(
    new RegExp(`^d601: could not write ${file} \\(exit 1\\)\n {2}found: {3}mkdir: `),
  );
});
