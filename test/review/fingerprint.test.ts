import { describe, expect, test } from "vitest";
import { loadPins } from "../../lib/config/site.ts";
import { changesOf } from "../../lib/review/changes.ts";
import {
  differingParts,
  fingerprintOf,
  fingerprintParts,
  isFingerprint,
  lineDifferences,
  partsOf,
  pinLines,
  planLines,
} from "../../lib/review/fingerprint.ts";
import { commitA, commitB, siteOfPins } from "../support.ts";

const input = {
  pins: ["prod/frontend: a"],
  code: ["steps: 1"],
  facts: ["main-server frontend container: x"],
  plans: [],
};

test("is 128 hex digits, and the same for the same input", () => {
  expect(isFingerprint(fingerprintOf(input))).toBe(true);
  expect(fingerprintOf(structuredClone(input))).toBe(fingerprintOf(input));
  for (const text of ["", "abc", "../folder", fingerprintOf(input).toUpperCase()])
    expect(isFingerprint(text)).toBe(false);
});

test.each(fingerprintParts)("differs in its beginning and says so if %s differ", (part) => {
  const [one, other] = [fingerprintOf(input), fingerprintOf({ ...input, [part]: ["something else: 1"] })];
  expect(one.slice(0, 64)).not.toBe(other.slice(0, 64));
  expect(differingParts(one, other)).toEqual([part]);
});

test("a line that moves from one part to another is a difference", () => {
  const moved = { ...input, pins: [], code: [...input.pins, ...input.code] };
  expect(differingParts(fingerprintOf(input), fingerprintOf(moved))).toEqual(["pins", "code"]);
});

test("fails if two plans that show the same are one line", () => {
  const change = { address: "null_resource.x", action: "run" as const, meaning: "", fields: [] };
  const line = (sha256: string) => planLines("d601-registry", [{ change, sha256 }])[0];
  expect(line("1".repeat(64))).not.toBe(line("2".repeat(64)));
  expect(lineDifferences([line("1") ?? ""], [line("2") ?? ""])).toEqual([
    "d601-registry null_resource.x: run 1 [] → run 2 []",
  ]);
});

test("of some stacks a fingerprint is the one that a review of them alone has", () => {
  const site = siteOfPins({ prod: { frontend: { commit: commitA } }, dev: { mdtodo: { commit: commitB } } });
  const change = { address: "null_resource.x", action: "run" as const, meaning: "", fields: [] };
  const of = (...stacks: string[]) => ({
    ...{ pins: pinLines(loadPins(site)), code: ["steps: 1"] },
    facts: stacks.map((stack) => `${stack} d601 registry: x`),
    plans: stacks.flatMap((stack) => planLines(stack, [{ change, sha256: "1" }])),
  });
  const [prod, dev] = ["unidesk-prod-main-server", "unidesk-dev-d601"];
  expect(partsOf(of(prod, dev), [prod])).toEqual({ ...of(prod), pins: [`${prod} prod/frontend: ${commitA} -`] });
  expect(fingerprintOf(partsOf(of(prod, dev), [dev]))).toBe(fingerprintOf(partsOf(of(dev), [dev])));
  expect(fingerprintOf(partsOf(of(prod, dev), [prod, dev]))).toBe(fingerprintOf(of(prod, dev)));
});

// The apply's own lock is a new file below the home folder of a host that this project has not touched.
describe("of a first repair", () => {
  const resource = { address: "null_resource.a", type: "null_resource" };
  const machine = "0123456789abcdef0123456789abcdef";
  const plan = (time: string, reason = "container missing") => {
    const after = `first: ${machine} ${time}: ${reason}`;
    const change = { actions: ["create"], before: null, after: { triggers: { repair: after } } };
    return planLines("stack", changesOf({ format_version: "1.2", resource_changes: [{ ...resource, change }] }));
  };
  const reviewed = plan("2026-11-29 18:22:28.123456789");

  test.each(["2026-11-29 18:25:00.000000001", "nowhere"])("the time does not count: %s", (time) => {
    expect(plan(time)).toEqual(reviewed);
  });

  test("the reason does", () => {
    expect(plan("2026-11-29 18:22:28.123456789", "unit missing")).not.toEqual(reviewed);
    expect(reviewed[0]).toContain("first: container missing");
  });

  test("behind the name of another resource's repair too", () => {
    const both = (time: string) => plan(time, `a; b first: ${machine} ${time}: image missing`);
    expect(both("2026-11-29 18:25:00.1")).toEqual(both("2026-11-30 00:00:00.2"));
  });
});

describe("differences of lines", () => {
  test("name the key, before and after", () => {
    expect(lineDifferences(["a: 1", "b: 2", "gone: 3"], ["a: 1", "b: 4", "new: 5"])).toEqual([
      "b: 2 → 4",
      "gone: 3 → none",
      "new: none → 5",
    ]);
  });

  test("are bounded in number and length", () => {
    const many = Array.from({ length: 30 }, (_, index) => `key${index}: ${"x".repeat(500)}`);
    const lines = lineDifferences([], many);
    expect(lines).toHaveLength(11);
    expect(lines.at(-1)).toBe("… and 20 more");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(130);
  });
});
