import * as z from "zod";

/** A branch name as `git check-ref-format --branch` accepts it, of plain characters only. */
export const BranchName = z
  .string()
  .max(200)
  .regex(/^(?![-/.])(?!.*(\.\.|\/\/|\/\.|\.lock(\/|$)))[\w./+-]+(?<![/.])$/, {
    error: 'must be a branch name such as "master" or "release/v1": no wildcard, no refs/heads/ in front',
  })
  .refine((name) => !name.startsWith("refs/"), { error: "must be a branch name without refs/heads/ in front" });

/** Branches that a deployable commit is reachable from. */
export const ReleaseLines = z
  .array(BranchName)
  .min(1, { error: "must name at least one branch" })
  .max(20)
  .refine((names) => new Set(names).size === names.length, { error: "must name each branch once" })
  .default(["master", "release/v1"]);
