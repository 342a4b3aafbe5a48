import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findReview, storeReview } from "../../lib/review/store.ts";
import { tempFolder, write } from "../support.ts";
import { reportOf } from "./support.ts";

const parts = { pins: [], code: [], facts: [], plans: [] };
const fingerprintOf = (index: number) => index.toString(16).padStart(16, "0").repeat(8);
const store = (root: string, fingerprint: string) => {
  const made = { report: reportOf({ fingerprint }), parts, folders: new Map() };
  return storeReview(root, made as unknown as Parameters<typeof storeReview>[1]);
};
const stored = (root: string) => readdirSync(join(root, ".unidesk", "reviews"));

test("several at once, of the same and of others, all end well, and what is there is whole", async () => {
  const root = tempFolder();
  const module = new URL("../../lib/review/store.ts", import.meta.url);
  const file = write(root, "report.json", reportOf());
  const program = write(
    root,
    "store.mjs",
    `import { readFileSync } from "node:fs";
const { storeReview } = await import("${module}");
const report = JSON.parse(readFileSync("${file}", "utf8"));
for (let index = 0; index < 100; index += 1) {
  const fingerprint = (index % 4 === 0 ? index : 1).toString(16).padStart(16, "0").repeat(8);
  storeReview("${root}", { report: { ...report, fingerprint }, parts: ${JSON.stringify(parts)}, folders: new Map() });
}`,
  );
  const runs = Array.from({ length: 4 }, async () => {
    const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), program]);
    let errors = "";
    child.stderr.on("data", (chunk) => {
      errors += chunk;
    });
    await new Promise((resolve) => child.on("close", resolve));
    return errors;
  });
  expect(await Promise.all(runs)).toEqual(["", "", "", ""]);
  expect(findReview(root, fingerprintOf(1))?.report.fingerprint).toBe(fingerprintOf(1));
  for (const name of stored(root)) expect(name).toMatch(/^[0-9a-f]{16}$/);
}, 60_000);

test("the newest are kept, and what somebody is writing; what was given up long ago is not", () => {
  const root = tempFolder();
  store(root, fingerprintOf(0));
  const [writing, abandoned] = ["new", "old"].map((name) => join(root, ".unidesk", "reviews", `0123.${name}`));
  for (const folder of [writing, abandoned]) mkdirSync(folder ?? "");
  utimesSync(abandoned ?? "", 1, 1);
  for (let index = 1; index <= 25; index += 1) store(root, fingerprintOf(index));
  expect(stored(root)).toHaveLength(21);
  expect(existsSync(writing ?? "")).toBe(true);
  expect(findReview(root, fingerprintOf(25))).toBeDefined();
});

test("fails if --out removes the report of something else", () => {
  const root = tempFolder();
  const made = { report: reportOf({ fingerprint: fingerprintOf(1) }), parts, folders: new Map() };
  const storeIn = (folder: string) =>
    storeReview(root, made as unknown as Parameters<typeof storeReview>[1], join(root, folder));
  write(root, "coverage/report.json", {});
  write(root, "coverage/history.txt", "precious");
  expect(() => storeIn("coverage")).toThrow(/folder of something else/);
  expect(readdirSync(join(root, "coverage")).sort()).toEqual(["history.txt", "report.json"]);
  storeIn("review");
  expect(readdirSync(storeIn("review")).sort()).toEqual(["parts.json", "plans", "report.json"]);
});
