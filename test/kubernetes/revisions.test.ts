import { expect, test } from "vitest";
import type { HistoryEntry } from "../../lib/history/entry.ts";
import { type KnownCommits, type Revision, wayBack as wayBackOf } from "../../lib/kubernetes/revisions.ts";
import { isSamePlace, judgePast } from "../../lib/kubernetes/rollout-history.ts";
import { commitA, commitB } from "../support.ts";

const commitC = "c".repeat(40);
const revision = (number: number, commit: string, ready = 0): Revision => ({
  name: `web-${number}`,
  image: `127.0.0.1:5000/unidesk/web:${commit}`,
  revision: number,
  commit,
  ready,
});
const none: ReadonlySet<string> = new Set();
/** Of a Deployment that this run made, unless it is said otherwise. */
const wayBack = (revisions: readonly Revision[], known: Omit<KnownCommits, "created">, created = ["web"]) =>
  wayBackOf("web", revisions, { ...known, created: new Set(created) });

test("the last verified commit comes before what answers", () => {
  const revisions = [revision(1, commitA), revision(2, commitB, 1), revision(3, commitC)];
  expect(wayBack(revisions, { failing: commitC, verified: commitA, failed: none })).toEqual({ revision: revisions[0] });
});

test("of the verified commit's revisions the one that answers comes first", () => {
  const revisions = [revision(1, commitA, 1), revision(2, commitA), revision(3, commitC)];
  expect(wayBack(revisions, { failing: commitC, verified: commitA, failed: none })).toEqual({ revision: revisions[0] });
});

test("where nothing was ever verified, what answers is kept, then the newest that is not known to fail", () => {
  const known = { failing: commitC, verified: undefined, failed: none };
  const answering = [revision(1, commitA, 1), revision(2, commitB), revision(3, commitC)];
  expect(wayBack(answering, known)).toEqual({ revision: answering[0] });
  const silent = [revision(1, commitA), revision(2, commitB), revision(3, commitC)];
  expect(wayBack(silent, known)).toEqual({ revision: silent[1] });
  expect(wayBack(silent, { ...known, failed: new Set([commitB]) })).toEqual({ revision: silent[0] });
});

test("a first rollout goes to no pods", () => {
  const known = { failing: commitC, verified: undefined, failed: none };
  expect(wayBack([], known)).toBe("scale-to-zero");
  expect(wayBack([revision(1, commitC)], known)).toBe("scale-to-zero");
  expect(wayBack([revision(1, commitB), revision(2, commitC)], { ...known, failed: new Set([commitB]) })).toBe(
    "scale-to-zero",
  );
});

test("only what this run made goes to no pods: where the history is lost, what was there before is left", () => {
  const known = { failing: commitC, verified: undefined, failed: none };
  expect(wayBack([revision(1, commitC)], known, [])).toBe("leave");
  expect(wayBack([revision(1, commitC)], known, ["worker"])).toBe("leave");
  // An undo is one all the same.
  const revisions = [revision(1, commitB, 1), revision(2, commitC)];
  expect(wayBack(revisions, known, [])).toEqual({ revision: revisions[0] });
});

test("a verified service that somebody scaled to 0 goes back to what was verified, and is never scaled to 0", () => {
  const known = { failing: commitC, verified: commitA, failed: none };
  const revisions = [revision(1, commitA), revision(2, commitC)];
  expect(wayBack(revisions, known)).toEqual({ revision: revisions[0] });
  expect(wayBack([revision(1, commitC)], { ...known, verified: commitC })).toBe("leave");
});

test.each([
  ["unidesk-dev-d601", "unidesk-dev-d601", true],
  ["unidesk-dev-d601", "unidesk-supervised-code-queue-dev", true],
  ["unidesk-dev-d601", "unidesk-prod-d601", false],
  ["ut", "ut", true],
  ["ut", "other", false],
  ["", "unidesk-dev-d601", false],
])("the history of %s and of %s is of one place: %s", (one, other, same) => {
  expect(isSamePlace(one, other)).toBe(same);
  expect(isSamePlace(other, one)).toBe(same);
});

test("what was live at this commit before is left, unless an earlier revision answers", () => {
  const known = { failing: commitC, verified: commitC, failed: none };
  expect(wayBack([revision(1, commitA), revision(2, commitC)], known)).toBe("leave");
  const restarted = [revision(1, commitC, 1), revision(2, commitC)];
  expect(wayBack(restarted, known)).toEqual({ revision: restarted[0] });
});

test("what was live but is gone from the history of revisions is left", () => {
  expect(wayBack([revision(9, commitC)], { failing: commitC, verified: commitA, failed: none })).toBe("leave");
});

test("what was superseded is no failure, and what was retired starts anew", () => {
  const past = (...entries: [commit: string, result: string][]) =>
    judgePast(entries.map(([commit, result]) => ({ commit, result }) as HistoryEntry));
  const found = past([commitA, "deployed"], [commitB, "restored"], [commitC, "superseded"], [commitA, "superseded"]);
  expect(found.verified?.commit).toBe(commitA);
  expect([...found.failed]).toEqual([commitB]);
  const anew = past([commitA, "deployed"], [commitA, "retired"], [commitB, "removed"]);
  expect(anew.verified).toBeUndefined();
  expect([...anew.failed]).toEqual([commitB]);
});
