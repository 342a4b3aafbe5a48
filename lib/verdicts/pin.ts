import type { CommitFacts } from "../source/read.ts";
import { type Reason, type Verdict, verdictOf } from "./verdict.ts";

/** A commit may be pinned when its pushed repository has it and an allowed release line reaches it. */
export function judgePinSource(
  repository: string,
  facts: Pick<CommitFacts, "state" | "unseen" | "pushed" | "releaseLines">,
  releaseLines: readonly string[],
): Verdict {
  const reason = (what: string, expected: string, found: string): Reason => ({
    what,
    expected,
    found,
    where: repository,
  });
  if (facts.unseen) return verdictOf([reason("source repository", "an answer from its clone on d601", "none")]);
  if (facts.state === "unknown")
    return verdictOf([reason("commit", "a commit of its source repository", "no such commit")]);
  if (facts.releaseLines.length > 0) return verdictOf([]);
  const expected = `reachable from ${releaseLines.join(" or ")}`;
  const found = facts.pushed
    ? "reachable from other branches or tags only"
    : "reachable from no branch or tag: it was not pushed";
  return verdictOf([reason("release line", expected, found)]);
}
