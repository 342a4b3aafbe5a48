import { describe, expect, it } from "vitest";
import { failureOf, siteOf } from "../support.ts";

describe("context.releaseLines", () => {
  it("is master and release/v1 where nothing else is said", () => {
    expect(siteOf().releaseLines).toEqual(["master", "release/v1"]);
    expect(siteOf({ releaseLines: ["main"] }).releaseLines).toEqual(["main"]);
  });

  it.each(["-x", "a..b", "refs/heads/master", "release/*", "a b", ".hidden", "x.lock", "a/", "", "a\nb", "HEAD~1"])(
    "fails if %j is taken for a branch",
    (name) => {
      expect(failureOf(() => siteOf({ releaseLines: [name] })).message).toContain("releaseLines.0");
    },
  );

  it("fails if it is empty or names a branch twice", () => {
    expect(failureOf(() => siteOf({ releaseLines: [] })).message).toContain("at least one branch");
    expect(failureOf(() => siteOf({ releaseLines: ["a", "a"] })).message).toContain("once");
  });
});
