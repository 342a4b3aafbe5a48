import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { historyFunctions } from "../../lib/history/append.ts";
import { bash, tempFolder, write } from "../support.ts";

const append = (file: string, line: string) => bash(`set -u\n${historyFunctions}\nappend_history "$@"`, [file, line]);
const json = (text: string) => bash(`${historyFunctions}\njson_text "$1"`, [text]).stdout.toString();

test("a line is appended, and the folder made", () => {
  const file = join(tempFolder(), "deploy-history", "frontend.jsonl");
  expect(append(file, '{"a":1}')).toMatchObject({ exitCode: 0, stderr: "" });
  append(file, '{"a":2}');
  expect(readFileSync(file, "utf8")).toBe('{"a":1}\n{"a":2}\n');
});

test("a last line that was cut is completed first", () => {
  const file = write(tempFolder(), "frontend.jsonl", '{"a":1}\n{"a":');
  append(file, '{"a":3}');
  expect(readFileSync(file, "utf8")).toBe('{"a":1}\n{"a":\n{"a":3}\n');
});

test("many at once lose nothing", () => {
  const file = join(tempFolder(), "frontend.jsonl");
  const line = `{"a":"${"x".repeat(8000)}"}`;
  bash(`${historyFunctions}\nfor i in 1 2 3 4 5 6 7 8 9 10; do append_history "$1" "$2" & done; wait`, [file, line]);
  expect(readFileSync(file, "utf8")).toBe(`${line}\n`.repeat(10));
});

test("fails if the file cannot be written", () => {
  const file = join(write(tempFolder(), "plain", ""), "frontend.jsonl");
  expect(append(file, "{}").exitCode).not.toBe(0);
  expect(existsSync(file)).toBe(false);
});

test.each([
  ["", "null"],
  ["docker compose up failed", '"docker compose up failed"'],
  ['a "quoted" \\ text', '"a \\"quoted\\" \\\\ text"'],
  ["two\nlines\tand \u00fc", '"two lines and   "'],
])("%j as JSON", (text, expected) => {
  expect(json(text)).toBe(expected);
});

test("a long text is cut before it is escaped", () => {
  expect(JSON.parse(json('"'.repeat(400)))).toBe('"'.repeat(300));
});
