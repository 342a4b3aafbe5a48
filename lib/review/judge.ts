import { loadPolicies } from "./load-policies.ts";
import { runPolicies } from "./policy.ts";
import type { ReviewRequest } from "./review.ts";

/** Policies are of the checkout that runs, and so of the base branch. */
export const judge: ReviewRequest["judge"] = async (report, { root, policies }) =>
  runPolicies(report, await loadPolicies(root), policies);
