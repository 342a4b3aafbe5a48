import { expect, test } from "vitest";
import { authFields, fieldProblem, readAuthScript } from "../../lib/kubernetes/auth-source.ts";
import { bash, tempFolder, write } from "../support.ts";

/** Every line but the HMAC. */
function read(json: string, ...fields: string[]) {
  const home = tempFolder();
  const file = write(home, "config.json", json);
  const { exitCode, stdout, stderr } = bash(`HOME=$1; shift\n${readAuthScript}`, [home, file, ...fields]);
  return {
    exitCode,
    lines: stdout.toString().split("\n").slice(1, -1),
    stderr: stderr.replaceAll(file, "FILE").trim(),
  };
}

const literal = JSON.stringify('é " \\ {"x":"no"} ] , : \n \t $HOME `id` \u2028');

test.each([
  ["as a person writes it", `{\n  "other": [1, {"auth": {"x": "no"}}],\n  "auth": {\n    "x": ${literal}\n  }\n}\n`],
  ["on one line", `{"auth":{"y":{"x":"no"},"x":${literal},"z":[{"x":"no"}]},"x":"no"}`],
  ["twice, the last one counts", `{"auth":{"x":"old","x":${literal}}}`],
  ["in the last of two, which counts", `{"auth":{"x":"old","q":"no"},"auth":{"x":${literal}}}`],
])("a field is found: %s", (_, json) => {
  const { lines, exitCode } = read(json, "x", "q");
  expect(lines).toEqual([`x string ${literal}`, "q absent"]);
  expect(exitCode).toBe(0);
  expect(JSON.parse(json).auth.x).toBe(JSON.parse(literal));
});

test.each([
  ['{"auth":{"x":""}}', "empty"],
  ['{"auth":{"x":7}}', "other"],
  ['{"auth":{"x":-1.5e+3,"y":0}}', "other"],
  ['{"auth":{"x":null}}', "other"],
  ['{"auth":{"x":["a"]}}', "other"],
  ['{"auth":{"x":{"x":"a"}}}', "other"],
  ['{"auth":{}}', "absent"],
  ['{"auth":"x"}', "absent"],
  ['{"auth":{"x":"a"},"auth":null}', "absent"],
  ['{"x":"a"}', "absent"],
  ["[]", "absent"],
  ['"auth"', "absent"],
])("a field that is no text: %s is %s", (json, kind) => {
  expect(read(json, "x").lines).toEqual([`x ${kind}`]);
});

test.each([
  "",
  " ",
  "{",
  "}",
  '{"auth":{"x":"a"}',
  '{"auth":{"x":"a"}}}',
  '{"auth":{"x":"a"}} {}',
  '{"auth":{"x":"a}}',
  '{"auth":{"x":"a",}}',
  '{"auth":{,"x":"a"}}',
  '{"auth" {"x":"a"}}',
  '{"auth":{"x":"a"]',
  '{auth:{"x":"a"}}',
  '{"auth":{"x":01}}',
  '{"auth":{"x":tru}}',
  '{"auth":{"x":"a\nb"}}',
  "[1 2]",
])("fails if it is not JSON: %s", (json) => {
  expect(() => JSON.parse(json)).toThrow();
  expect(read(json, "x")).toEqual({ exitCode: 1, lines: [], stderr: "FILE is not valid JSON" });
});

test("fails if it is not there, is a folder, or is too large", () => {
  const run = (file: string) => bash(readAuthScript, [file, "x"]).stderr.trim();
  const folder = tempFolder();
  expect(run(`${folder}/none`)).toBe(`${folder}/none is not there`);
  expect(run(folder)).toBe(`${folder} cannot be read`);
  const large = write(folder, "large.json", " ".repeat(1_048_577));
  expect(run(large)).toBe(`${large} is larger than 1048576 bytes`);
});

test("words for people name the field and no value", () => {
  expect(["string", "absent", "empty", "other"].map((kind) => fieldProblem("x", kind))).toEqual([
    undefined,
    "field x is absent",
    "field x is empty",
    "field x is not a string",
  ]);
});

test("a field that is needed twice is read once", () => {
  const sync = { secret: { name: "s", keys: { b: "B", a: "A" } }, configMap: { name: "c", keys: { b: "X" } } };
  expect(authFields(sync)).toEqual(["a", "b"]);
});
