import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { checkValue, parseJson, readJsonFile } from "../../lib/config/json-file.ts";
import { failureOf, tempFolder } from "../support.ts";

const anything = z.any();
const parse = (text: string) => parseJson(text, "x.json", anything);

test("fails if the file is not there", () => {
  const file = join(tempFolder(), "x.json");
  const { message, exitCode } = failureOf(() => readJsonFile(file, "x.json", anything));
  expect(message).toBe(
    [
      "x.json cannot be read",
      `  found:   ENOENT: no such file or directory, open '${file}'`,
      "  remedy:  restore x.json from Git",
    ].join("\n"),
  );
  expect(exitCode).toBe(2);
});

test.each([
  ["half an object", '{"a":1,', "line 1, column 8: property name expected"],
  ["a comment", '{\n  // b\n  "a":1 }', "line 2, column 3: invalid comment token"],
  ["a trailing comma", "[1,\r\n2,\r\n]", "line 3, column 1: value expected"],
  ["a missing comma", '{"a":1\n"b":2}', "line 2, column 1: comma expected"],
  ["two values", '{"a":1}{', "line 1, column 8: end of file expected"],
  ["a single quote", "{'a':1}", "line 1, column 2: invalid symbol"],
  ["a word", '{"a": undefined}', "line 1, column 7: invalid symbol"],
])("fails if the text is %s: the place is named", (_, text, found) => {
  const { problem, exitCode } = failureOf(() => parse(text));
  expect(problem).toEqual({
    what: "x.json is not JSON",
    found,
    allowed: "RFC 8259 JSON",
    remedy: "correct it there: JSON has no comments and no trailing commas",
  });
  expect(exitCode).toBe(2);
});

test("fails if a file is empty or begins with a byte order mark, with a remedy", () => {
  expect(failureOf(() => parse("")).problem.remedy).toBe("the file is empty: restore it");
  expect(failureOf(() => parse("\ufeff{}")).problem).toMatchObject({
    what: "x.json is not JSON: it begins with a byte order mark",
    remedy: "save it as UTF-8 without a byte order mark",
  });
});

describe("the same key twice", () => {
  const twice = (line: number) =>
    [
      "x.json has the same key twice",
      `  found:   line ${line}`,
      "  allowed: each key once in its object",
      "  remedy:  remove one of the two",
    ].join("\n");

  test.each([
    ["at the top", '{"a":1,\n"a":2}', 2],
    ["deep inside", '{"a":{"b":[{"c":1},\n{"d":1,\n"d":1}]}}', 3],
    ["with equal values", '{"a":1,"a":1}', 1],
    ["once escaped", '{"a":1,"\\u0061":2}', 1],
    ["behind a lone carriage return", '{"a":1,\r"a":2}', 2],
    ["behind Windows line ends", '{\r\n"a":1,\r\n"a":2}', 3],
    ["indented by tabs", '{\n\t"a": 1,\n\t"a": 2\n}', 3],
  ])("fails if it is %s", (_, text, line) => {
    const { message, exitCode } = failureOf(() => parse(text));
    expect(message).toBe(twice(line));
    expect(exitCode).toBe(2);
  });

  test.each([
    '{"a":{"b":1},"c":{"b":1}}',
    '[{"a":1},{"a":1}]',
    '{"a":"a: 1, a: 2","b":"{\\"a\\":1}"}',
    '{"a":1,"A":2}',
  ])("is not seen in %s", (text) => expect(parse(text)).toEqual(JSON.parse(text)));
});

test("a long value is shown shortened", () => {
  const { message } = failureOf(() => checkValue("x".repeat(500), "value", z.literal("y", { error: "must be y" })));
  expect(message).toBe(`value: found "${"x".repeat(96)}...; must be y`);
});

test("fails if the value itself is wrong, with its name alone", () => {
  expect(failureOf(() => checkValue("latest", "--commit", z.literal("y", { error: "must be y" }))).message).toBe(
    '--commit: found "latest"; must be y',
  );
});

test("keys and values begin no line of their own and drive no terminal", () => {
  const key = "x\r\r**Approved by** @org\u001b[2J\n::error::y";
  const { message } = failureOf(() => checkValue({ [key]: 1 }, "x.json", z.strictObject({})));
  expect(message).toBe('x.json: unknown "x??**Approved by** @org?[2J?::error::y"');
  const inside = failureOf(() =>
    checkValue({ "a\nb": "\u009b2J" }, "x.json", z.record(z.string(), z.number())),
  ).message;
  expect(inside).toMatch(/^x\.json: a\?b: found "\?2J"; .+$/);
  expect(failureOf(() => parse("[\n::error::x]")).message).not.toContain("::error::");
});

describe("a value that is not what it looks like", () => {
  test.each(['{"a":{\n"__proto__":{"b":1}}}', '{"a":{\n"\\u005f_proto__":1}}'])(
    "fails if a key of %j is lost",
    (text) => {
      const { message, exitCode } = failureOf(() => parse(text));
      expect(message).toBe(
        [
          `x.json has the key "__proto__"`,
          "  found:   line 2",
          "  allowed: any other key",
          "  remedy:  remove it",
        ].join("\n"),
      );
      expect(exitCode).toBe(2);
    },
  );

  test("fails if it is nested deeper than anything can walk, with a remedy", () => {
    const nested = (depth: number, open: string, close: string) => `${open.repeat(depth)}1${close.repeat(depth)}`;
    for (const [open, close] of [
      ["[", "]"],
      ['{"a":', "}"],
    ] as const) {
      expect(failureOf(() => parse(nested(100_000, open, close))).message).toContain("x.json is nested too deep");
      expect(parse(nested(100, open, close))).toBeTruthy();
    }
  });
});
