import { describe, expect, test } from "vitest";
import type { GateSpec } from "../../lib/catalog/index.ts";
import { gateRemedy, judgeGate } from "../../lib/verdicts/gates.ts";

const where = "main-server http://172.18.0.2:8080/health";
const reply = (body: unknown, status = 200) => ({ status, body: JSON.stringify(body), where });
const remedy = "restore them";

describe("all-true", () => {
  const gate: GateSpec = {
    verdict: "all-true",
    path: "/health",
    under: "auth",
    keys: ["configured", "loggedIn"],
    remedy,
  };
  const judge = (auth: unknown) => judgeGate(gate, reply({ auth }));

  test("is ok when every key is true", () => {
    expect(judge({ configured: true, loggedIn: true, other: false })).toEqual({ ok: true, reasons: [] });
  });

  test.each([
    ["is false", { configured: true, loggedIn: false }, "false"],
    ["is missing", { configured: true }, "nothing"],
    ["is null", { configured: true, loggedIn: null }, "null"],
    ["is no boolean, and its value is not shown", { configured: true, loggedIn: "hunter2" }, "a string"],
  ])("fails if a key %s", (_, auth, found) => {
    expect(judge(auth)).toEqual({
      ok: false,
      reasons: [{ what: "gate /health auth.loggedIn", expected: "true", found, where }],
    });
  });

  test.each([undefined, null, true, "yes", []])("fails if what they lie under is %j", (auth) => {
    expect(judge(auth).reasons.map(({ what }) => what)).toEqual([
      "gate /health auth.configured",
      "gate /health auth.loggedIn",
    ]);
  });
});

describe("absent", () => {
  const gate: GateSpec = { verdict: "absent", path: "/api/tasks/stats", keys: ["skipped"], remedy };

  test("is ok when the reply is an object without the key", () => {
    expect(judgeGate(gate, reply({ done: 42 })).ok).toBe(true);
  });

  test.each([0, 7, null, false])("fails if the key is there, whatever it says: %j", (skipped) => {
    expect(judgeGate(gate, reply({ skipped })).reasons).toEqual([
      { what: "gate /api/tasks/stats skipped", expected: "absent", found: "present", where },
    ]);
  });

  test.each([[[]], [1], ["x"], [null]])("fails if the reply is %j, no object", (body) => {
    expect(judgeGate(gate, reply(body)).reasons).toMatchObject([
      { what: "gate /api/tasks/stats", expected: "a JSON object" },
    ]);
  });

  test("fails if the reply is a failure, or there is none", () => {
    expect(judgeGate(gate, reply({}, 404)).reasons).toMatchObject([{ what: "health status", found: "404" }]);
    expect(judgeGate(gate, { status: 0, body: "", where }).reasons).toMatchObject([{ what: "health" }]);
  });
});

test("the remedy is the one of the gate that was not passed", () => {
  const gate: GateSpec = { verdict: "absent", path: "/stats", keys: ["skipped"], remedy };
  const verdict = judgeGate(gate, reply({ skipped: 1 }));
  expect(gateRemedy({ gates: [{ ...gate, path: "/other", remedy: "another" }, gate] }, verdict)).toEqual({ remedy });
  expect(gateRemedy({ gates: [gate] }, { ok: true, reasons: [] })).toEqual({});
});
