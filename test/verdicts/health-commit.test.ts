import { expect, test } from "vitest";
import { judgeHealth } from "../../lib/verdicts/health-commit.ts";
import { commitA, commitB } from "../support.ts";

const where = "main-server http://172.18.0.2:8080/health";
const answered = (body: unknown, status = 200) => ({
  status,
  body: typeof body === "string" ? body : JSON.stringify(body),
  where,
});
const saying = (deploy: unknown) => judgeHealth(commitA, answered({ ok: true, deploy, uptime: 1 }));
const red = (what: string, expected: string, found: string) => ({
  ok: false,
  reasons: [{ what, expected, found, where }],
});

test("is ok when the service says that it was built from the commit and asked to be it", () => {
  expect(saying({ commit: commitA, requestedCommit: commitA, service: "frontend" })).toEqual({ ok: true, reasons: [] });
});

test("fails if nothing answers", () => {
  expect(judgeHealth(commitA, { status: 0, body: "", error: "curl: (7) Failed to connect", where })).toEqual(
    red("health", "an answer", "curl: (7) Failed to connect"),
  );
  expect(judgeHealth(commitA, { status: 0, body: "", where })).toEqual(red("health", "an answer", "no answer"));
});

test.each([503, 404, 204, 301])("fails if the status is %i, whatever the body says", (status) => {
  const body = { deploy: { commit: commitA, requestedCommit: commitA } };
  expect(judgeHealth(commitA, answered(body, status))).toEqual(red("health status", "200", String(status)));
});

test.each(["ok", "", "null", "[]", '{"deploy":"yes"}', '{"deploy":{"commit":7}}'])(
  "fails if the body is %j",
  (body) => {
    expect(judgeHealth(commitA, answered(body))).toEqual(red("health", "JSON with deploy.commit", body));
  },
);

test("a long body is shown shortened", () => {
  const [reason] = judgeHealth(commitA, answered("<".repeat(5000))).reasons;
  expect(reason?.found).toBe("<".repeat(120));
});

test("fails if it runs another commit", () => {
  expect(saying({ commit: commitB, requestedCommit: commitA })).toEqual(red("deploy.commit", commitA, commitB));
});

test("fails if it was asked to be another commit", () => {
  expect(saying({ commit: commitA, requestedCommit: commitB })).toEqual(
    red("deploy.requestedCommit", commitA, commitB),
  );
});

test.each([
  ["absent", undefined],
  ["null", null],
  ["empty", {}],
  ["without values", { commit: null, requestedCommit: null }],
])("fails for both if deploy is %s", (_, deploy) => {
  expect(saying(deploy)).toEqual({
    ok: false,
    reasons: [
      { what: "deploy.commit", expected: commitA, found: "nothing", where },
      { what: "deploy.requestedCommit", expected: commitA, found: "nothing", where },
    ],
  });
});

test("fails if the commit is abbreviated", () => {
  expect(saying({ commit: commitA.slice(0, 7), requestedCommit: commitA }).ok).toBe(false);
});
