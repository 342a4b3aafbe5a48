import { expect, test } from "vitest";
import { type Revision, wayBack } from "../../lib/kubernetes/revisions.ts";
import { commitA, commitB } from "../support.ts";

const commitC = "c".repeat(40);
const revision = (number: number, commit: string, ready = 0): Revision => ({ revision: number, commit, ready });
const none: ReadonlySet<string> = new Set();

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

test("what was live at this commit before is left, unless an earlier revision answers", () => {
  const known = { failing: commitC, verified: commitC, failed: none };
  expect(wayBack([revision(1, commitA), revision(2, commitC)], known)).toBe("leave");
  const restarted = [revision(1, commitC, 1), revision(2, commitC)];
  expect(wayBack(restarted, known)).toEqual({ revision: restarted[0] });
});

test("what was live but is gone from the history of revisions is left", () => {
  expect(wayBack([revision(9, commitC)], { failing: commitC, verified: commitA, failed: none })).toBe("leave");
});
