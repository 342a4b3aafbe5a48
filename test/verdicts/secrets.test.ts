import { expect, test } from "vitest";
import { describeSecrets, judgeSecrets } from "../../lib/verdicts/secrets.ts";
import { composeTarget } from "../support.ts";

const target = composeTarget({ secrets: ["API_KEY", "TOKEN"] });
const where = "main-server controlled env file";

test("is ok when every key has a value, and where none is needed", () => {
  expect(judgeSecrets(target, { API_KEY: 1, TOKEN: 64 })).toEqual({ ok: true, reasons: [] });
  expect(judgeSecrets(composeTarget(), undefined).ok).toBe(true);
});

test.each([
  ["is empty or missing", { API_KEY: 5, TOKEN: 0 }],
  ["was not looked for", { API_KEY: 5 }],
])("fails if a key %s", (_, lengths) => {
  const reasons = [{ what: "secret TOKEN", expected: "present", found: "missing", where }];
  expect(judgeSecrets(target, lengths)).toEqual({ ok: false, reasons });
});

test("fails if the env file cannot be read", () => {
  const reasons = [{ what: "env file", expected: "readable", found: "not readable", where }];
  expect(judgeSecrets(target, undefined)).toEqual({ ok: false, reasons });
});

test("is described by name and length alone", () => {
  expect(describeSecrets(target, { API_KEY: 5 })).toEqual(["API_KEY present, 5 characters", "TOKEN missing"]);
});
