import { describe, expect, test } from "vitest";
import { decideRepair, type RepairInput, sanitize, withoutOrigin } from "../lib/repair.ts";
import { repairOfAll } from "../lib/repairs.ts";

const receipt = { generation: 4, spec: "commit-a", repair: "4: container missing" };
const asDeclared = { drift: undefined, driftFromReceipt: undefined };
const stateThat = (isAsDeclared: boolean) => ({ isAsDeclared, repair: "3: of the state" });
const decide = (changes: Partial<RepairInput>) =>
  decideRepair({
    spec: "commit-a",
    look: asDeclared,
    receipt,
    origin: "machine time",
    state: stateThat(true),
    ...changes,
  });

test("as declared: quiet, also from an old copy of the state", () => {
  const quiet = { value: "3: of the state", ignore: "triggers" };
  expect(decide({})).toEqual(quiet);
  expect(decide({ state: stateThat(false) })).toEqual(quiet);
});

test("as declared without a receipt: the next real change still shows", () => {
  expect(decide({ receipt: undefined })).toEqual({ value: "3: of the state", ignore: "repair" });
});

test("not observed: the trigger is left out, the facts are not", () => {
  expect(decide({ look: undefined, receipt: undefined })).toEqual({
    value: "3: of the state",
    ignore: "repair",
  });
});

test("where the state cannot be read the receipt's repair makes the least noise", () => {
  expect(decide({ state: undefined })).toEqual({ value: "4: container missing", ignore: "triggers" });
  expect(decide({ state: undefined, receipt: undefined })).toEqual({ value: "", ignore: "repair" });
});

test("drift, receipt there: the next generation and the reason", () => {
  const look = { drift: "config.yml edited", driftFromReceipt: "config.yml edited" };
  expect(decide({ look })).toEqual({ value: "5: config.yml edited", ignore: "none" });
});

test("drift, no receipt: where the receipt would be, and since when", () => {
  const look = { drift: "container missing", driftFromReceipt: "container missing" };
  expect(decide({ look, receipt: undefined })).toEqual({
    value: "first: machine time: container missing",
    ignore: "none",
  });
});

describe("a new pin", () => {
  const look = { drift: "live commit a, pinned b", driftFromReceipt: undefined };

  test("and nothing else: only the pin shows", () => {
    expect(decide({ spec: "commit-b", look, state: stateThat(false) })).toEqual({
      value: "3: of the state",
      ignore: "repair",
    });
  });

  test("and drift from what was applied: the drift shows as well", () => {
    const both = { drift: "container missing", driftFromReceipt: "container missing" };
    expect(decide({ spec: "commit-b", look: both, state: stateThat(false) })).toEqual({
      value: "5: container missing",
      ignore: "none",
    });
  });

  test("that the state has already, but not the host: a repair, or nothing would run", () => {
    expect(decide({ spec: "commit-b", look })).toEqual({ value: "5: live commit a, pinned b", ignore: "none" });
  });

  test("that the host has already: quiet", () => {
    expect(decide({ spec: "commit-b" })).toEqual({ value: "3: of the state", ignore: "repair" });
  });
});

test("a value is one line that no shell reads as something else", () => {
  const value = sanitize(`image \`id\` $HOME \${X} 'a' "b"\n%{if}; x<y>`);
  expect(value).not.toMatch(/[`$'"\n{}%<>\\]/);
  expect(sanitize("live commit a1a1a1a, pinned b2b2b2b (unidesk-frontend:a@b)")).toBe(
    "live commit a1a1a1a, pinned b2b2b2b (unidesk-frontend:a@b)",
  );
  expect(sanitize("x".repeat(500))).toHaveLength(300);
});

describe("a step that only reads", () => {
  const settled = { value: "4: x", ignore: "triggers" } as const;
  const needed = { value: "5: container missing", ignore: "none" } as const;

  test("runs with any repair in front of it, and says which", () => {
    expect(repairOfAll({ "a-delivery": settled, "a-deployment": needed })).toEqual({
      value: "a-deployment 5: container missing",
      ignore: "none",
    });
  });

  test("is quiet where everything is settled, and runs on its facts otherwise", () => {
    expect(repairOfAll({ a: settled, b: settled })).toEqual({ value: "", ignore: "triggers" });
    expect(repairOfAll({ a: settled, b: { value: "", ignore: "repair" } })).toEqual({ value: "", ignore: "repair" });
  });
});

test("a value without its origin is the same on every machine and at every time", () => {
  const first = (origin: string) =>
    withoutOrigin(
      decide({ origin, receipt: undefined, look: { drift: "unit missing", driftFromReceipt: undefined } }).value,
    );
  expect(first("0123abcd 2026-11-29 18:22:28.123456789")).toBe("first: unit missing");
  expect(first("0123abcd nowhere")).toBe("first: unit missing");
  expect(withoutOrigin("5: unit missing")).toBe("5: unit missing");
});
