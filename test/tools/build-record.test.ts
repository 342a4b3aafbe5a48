import { existsSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Metafile } from "esbuild";
import { beforeEach, expect, test } from "vitest";
import { recordBuild, recordedBuild } from "../../tools/build-record.mjs";
import { tempFolder, write } from "../support.ts";

const metafile: Metafile = { inputs: { "a.ts": { bytes: 1, imports: [] } }, outputs: {} };
let root: string;
let file: string;
/** As if the sources had been written a minute before. */
const later = () => Date.now() + 60_000;

beforeEach(() => {
  root = tempFolder();
  file = join(root, "made", "build.json");
  write(root, "a.ts", "one");
  write(root, "package.json", "{}");
});

test("a build counts as long as every source is as it was", () => {
  expect(recordedBuild(root, file)).toBeUndefined();
  recordBuild(root, file, metafile, "first", later());
  expect(recordedBuild(root, file)).toBe("first");
  utimesSync(join(root, "a.ts"), 1, 1);
  expect(recordedBuild(root, file)).toBe("first");
  recordBuild(root, file, metafile, "second", later());
  expect(recordedBuild(root, file)).toBe("second");
});

test.each([
  ["a source was edited", () => writeFileSync(join(root, "a.ts"), "two")],
  ["a source is gone", () => rmSync(join(root, "a.ts"))],
  ["what decides about builds was edited", () => writeFileSync(join(root, "package.json"), "{ }")],
  ["the record was cut", () => writeFileSync(file, "{")],
  ["the record is another file's", () => writeFileSync(file, "[]")],
])("it does not if %s", (_, change) => {
  recordBuild(root, file, metafile, "first", later());
  change();
  expect(recordedBuild(root, file)).toBeUndefined();
});

test("a build during which a source was replaced by an older file is not remembered", () => {
  const startedAt = Date.now();
  utimesSync(join(root, "a.ts"), 1, 1);
  recordBuild(root, file, metafile, "first", startedAt);
  expect(existsSync(file)).toBe(false);
});

test("a build in which a source was written is not remembered", () => {
  recordBuild(root, file, metafile, "first", Date.now() - 1000);
  expect(existsSync(file)).toBe(false);
});
