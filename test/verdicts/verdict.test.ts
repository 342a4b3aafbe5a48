import { expect, test } from "vitest";
import { expectEqual, renderReasons, verdictOf } from "../../lib/verdicts/verdict.ts";

test("no reasons is ok", () => {
  expect(verdictOf([])).toEqual({ ok: true, reasons: [] });
  expect(verdictOf([undefined, expectEqual("x", "a", "a", "here")])).toEqual({ ok: true, reasons: [] });
});

test.each([
  ["another value", "b", "b"],
  ["null", null, "nothing"],
  ["undefined", undefined, "nothing"],
  ["an empty text", "", ""],
])("fails if there is %s", (_, found, shown) => {
  expect(verdictOf([expectEqual("x", "a", found, "here")])).toEqual({
    ok: false,
    reasons: [{ what: "x", expected: "a", found: shown, where: "here" }],
  });
});

test("a reason is a sentence, one a line", () => {
  const reasons = [
    { what: "deploy.commit", expected: "a", found: "b", where: "main-server http://172.18.0.2:8080/health" },
    { what: "image id", expected: "c", found: "nothing", where: "main-server container unidesk-frontend" },
  ];
  expect(renderReasons("frontend", reasons)).toBe(
    [
      "frontend: deploy.commit: expected a, found b (looked at main-server http://172.18.0.2:8080/health)",
      "frontend: image id: expected c, found nothing (looked at main-server container unidesk-frontend)",
    ].join("\n"),
  );
});
