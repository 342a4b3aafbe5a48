import { describe, expect, test } from "vitest";
import { Commit } from "../../lib/config/values.ts";
import { collectEntries } from "../../lib/history/collect.ts";
import { healthyLineage, previousHealthy } from "../../lib/history/previous.ts";
import { digestA } from "../support.ts";

const commitOf = (letter: string) => Commit.parse(letter.repeat(40));

/** `a` deployed, `-a` restored, `~a` superseded; oldest first. */
function entries(story: string, changes: object = {}) {
  const results: Record<string, string> = { "-": "restored", "~": "superseded", "!": "removed" };
  const lines = story.split(" ").map((word, index) => {
    const time = new Date(Date.UTC(2026, 0, 1, index)).toISOString();
    return JSON.stringify({
      ...{
        id: `${index}`,
        service: "frontend",
        stack: "unidesk-prod-main-server",
        commit: commitOf(word.at(-1) ?? ""),
      },
      ...{ startedAt: time, finishedAt: time, operator: "a@b", fingerprint: "f" },
      result: word.length > 1 ? results[word[0] ?? ""] : "deployed",
      ...changes,
    });
  });
  return collectEntries("main-server", lines).entries;
}
const letters = (story: string) =>
  healthyLineage([...entries(story)].reverse())
    .map(({ commit }) => commit[0])
    .join(" ");
const place = { service: "frontend", environment: "prod", host: "main-server" };
const back = (story: string, pinned: string, when?: "now" | "applied") =>
  previousHealthy(entries(story), place, commitOf(pinned), when)?.commit[0];

describe("healthyLineage", () => {
  test.each([
    ["a b c", "a b c"],
    ["a a b b", "a b"],
    ["a b -c", "a b"],
    ["a -b b", "a b"],
    ["a ~b", "a"],
    ["!a", ""],
    // A rollback undoes what came between, and a later deployment of it counts anew.
    ["a b c b", "a b"],
    ["a b a b", "a b"],
  ])("%s: %s", (story, expected) => {
    expect(letters(story)).toBe(expected);
  });

  test("fails if a commit counts that did not hold when it was deployed last", () => {
    expect(letters("a b c -b")).toBe("a c");
  });

  test("a digest that a later line lacks is kept", () => {
    const [older] = entries("a", { digest: digestA });
    const [newer] = entries("b a");
    if (!older || !newer) throw new Error("two entries");
    expect(healthyLineage([older, newer])[0]?.digest).toBe(digestA);
  });
});

describe("previousHealthy", () => {
  test.each([
    ["the one before the pinned one", "a b c", "c", "b"],
    ["the one that runs, where the pinned one was never deployed", "a b", "c", "b"],
    ["the one that runs, where the pinned one did not hold", "a b -c", "c", "b"],
    ["the one before, where a rollback is pinned and not deployed yet", "a b c", "b", "a"],
  ])("%s", (_, story, pinned, expected) => {
    expect(back(story, pinned)).toBe(expected);
  });

  test("fails if another service, environment or host counts", () => {
    const found = (changes: object, where = place) => previousHealthy(entries("a", changes), where, commitOf("b"));
    expect(found({ service: "backend-core" })).toBeUndefined();
    expect(found({ stack: "unidesk-dev-d601" })).toBeUndefined();
    expect(found({ stack: "" })).toBeUndefined();
    expect(found({}, { ...place, host: "d601" })).toBeUndefined();
    expect(found({ stack: "unidesk-supervised-frontend-prod" })?.commit).toBe(commitOf("a"));
  });

  test("fails if a rollback from a rollback goes back to what was left", () => {
    expect(back("a b c b", "b")).toBe("a");
    expect(back("b c b", "b")).toBeUndefined();
  });

  test("fails if there is nothing to go back to and something is named", () => {
    expect(back("a", "a")).toBeUndefined();
    expect(back("-a", "a")).toBeUndefined();
  });
});

describe("once the pin is applied", () => {
  test.each([
    ["the one that runs now, where the pinned one is new", "a b", "c", "b"],
    ["the one that runs now, where the pinned one did not hold before", "a b -c", "c", "b"],
    ["the one before, where the pin goes back", "a b c", "b", "a"],
    ["the one before, where it goes back to one that failed since", "a b c -b", "b", "a"],
  ])("it is %s", (_, story, pinned, expected) => {
    expect(back(story, pinned, "applied")).toBe(expected);
    // That is what pin rollback says after the apply.
    expect(back(`${story} ${pinned}`, pinned)).toBe(expected);
  });

  test("fails if what never held is named", () => {
    expect(back("a", "a", "applied")).toBeUndefined();
    expect(back("-a", "b", "applied")).toBeUndefined();
    expect(back("a b c -b", "b")).toBe("c");
  });
});
