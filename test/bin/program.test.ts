import { cpSync, readdirSync, rmSync, symlinkSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, expect, test } from "vitest";
import { checkout } from "../checkout.ts";
import { tempFolder } from "../support.ts";

let root: string;
let built: string;
const help = () => execa("node", [join(root, "bin", "unidesk.js"), "--help"], { reject: false });

beforeAll(async () => {
  root = tempFolder();
  const sources = ["bin", "constructs", "lib", "policies", "stacks", "tools"];
  for (const name of [...sources, "app.ts", "main.ts", "package.json", "tsconfig.json"]) {
    cpSync(join(checkout, name), join(root, name), { recursive: true });
  }
  symlinkSync(join(checkout, "node_modules"), join(root, "node_modules"));
  const { exitCode, stdout, stderr } = await help();
  expect(exitCode, stderr).toBe(0);
  expect(stdout).toContain("Usage: unidesk");
  const folder = join(root, ".unidesk", "program");
  const [name = "", ...more] = readdirSync(folder).filter((one) => one !== "build.json");
  expect(more).toEqual([]);
  built = join(folder, name);
}, 60_000);

test.each([
  ["cut off while it was written", () => truncateSync(join(built, "cli.js"))],
  ["half removed", () => rmSync(join(built, "cli.js"))],
  ["removed, and its record is there", () => rmSync(built, { recursive: true })],
])("a build that was %s is made again", { timeout: 60_000 }, async (_, harm) => {
  harm();
  const { exitCode, stdout, stderr } = await help();
  expect(exitCode, stderr).toBe(0);
  expect(stdout).toContain("Usage: unidesk");
  expect((await help()).stdout).toBe(stdout);
  expect(readdirSync(join(built, "..")).sort()).toEqual(["build.json", built.slice(built.lastIndexOf("/") + 1)].sort());
});
