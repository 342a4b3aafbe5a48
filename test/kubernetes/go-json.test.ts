import { expect, test } from "vitest";
import { parseGoJson } from "../../lib/kubernetes/go-json.ts";

test.each([
  ["\\x1b[31m", "\x1b[31m"],
  ["\\a\\v\\b\\f\\n\\r\\t", "\x07\v\b\f\n\r\t"],
  ["\\x7f", "\x7f"],
  ["\\U000e0001", "\u{e0001}"],
  ["\\u200b", "\u200b"],
  ["\\\\a \\\\x41 \\\\U0001f600", "\\a \\x41 \\U0001f600"],
  ['\\"quoted\\"', '"quoted"'],
  ["plain", "plain"],
])("what Go quotes as %s is read", (quoted, text) => {
  expect(parseGoJson(`{"a":"${quoted}","b":1}`)).toEqual({ a: text, b: 1 });
});

test("fails if it is no JSON", () => expect(() => parseGoJson('{"a":"b"c"}')).toThrow());
