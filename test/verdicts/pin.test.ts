import { describe, expect, test } from "vitest";
import { judgePinSource } from "../../lib/verdicts/pin.ts";

const where = "https://example.com/repository";
const good = { state: "known", pushed: true, releaseLines: ["release/v1"] } as const;
const judge = (facts: object) => judgePinSource(where, { ...good, ...facts }, ["master", "release/v1"]);

describe("judgePinSource", () => {
  test("a commit that a release line reaches", () => {
    expect(judge({})).toEqual({ ok: true, reasons: [] });
  });

  test.each([
    ["the repository cannot be seen", { state: "unknown", unseen: true }, "source repository", "none"],
    ["the repository has no such commit", { state: "unknown" }, "commit", "no such commit"],
    [
      "it was not pushed",
      { pushed: false, releaseLines: [] },
      "release line",
      "reachable from no branch or tag: it was not pushed",
    ],
    ["no release line reaches it", { releaseLines: [] }, "release line", "reachable from other branches or tags only"],
  ])("fails if %s", (_, facts, what, found) => {
    expect(judge(facts)).toMatchObject({ ok: false, reasons: [{ what, found, where }] });
  });
});
