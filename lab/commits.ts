import { createHash } from "node:crypto";

/**
 * Commits of the sample repositories, by name. They follow from `samples/` and repositories.ts alone, so they are the
 * same on every machine; `lab up` refuses to go on where what it built differs from this list.
 */
export const labCommits = {
  unidesk: {
    /** First on `master`. */
    first: "b6fe016c30a813218e46f5d2b793b15680837605",
    /** Second on `master`, head of `release/v1`: frontend and the shared library. */
    second: "86e6086d34d8dd9e9e654f6fbc15946ed6872926",
    /** Head of `master`: frontend, project-manager, decision-center. */
    third: "72fe08b23d2f41b1960de591db7ea19fe0c2ba7a",
    /** On `feature/not-released` only. */
    unreleased: "3b608b16add5296d922ed018dc10a4e226d6778f",
    /** On `lab/faults`: frontend answers /health with 503 for ever. */
    neverHealthy: "f3b970c1fe03c51001d38860282d8c918e80eb95",
    /** On `lab/faults`: frontend ends with an error as it starts. */
    crash: "672ec92062989b948448268a208dc93cdd885487",
    /** On `lab/faults`: frontend's /health names a commit that is not its own. */
    lies: "21019758fa994fdab39feab758f111d10ec9ce4e",
    /** On `lab/faults`: code-queue-mgr's /api/tasks/stats has `skipped`. */
    statsSkipped: "ce7ebfcaa0f0fa0178b589a365b6fcfee688fd58",
  },
  todoNote: {
    first: "14e0ebed3af65a55f13bf05b5546769cb9794997",
    second: "81b2df55d273d73df53543e3e646361bc8106324",
    third: "ace03f5cbb59fce9979ae3df3a67f42049a8787e",
  },
} as const;

/** A well-formed commit that no reference of any repository reaches. */
export function unpushedCommit(): string {
  return createHash("sha1").update("a commit that nobody pushed").digest("hex");
}
