import { isDeepStrictEqual } from "node:util";
import { exitCodes, UserError } from "../errors.ts";
import { planOnlyStack } from "../stack-names.ts";
import { differingParts, type FingerprintInput, type FingerprintPart, lineDifferences } from "./fingerprint.ts";
import type { ReviewReport } from "./report.ts";
import { sortStack } from "./report-builder.ts";
import type { Review } from "./review.ts";
import type { StoredReview } from "./store.ts";
import { readPlan } from "./terraform.ts";

export function refuseUnknown(wanted: readonly string[], { stacks }: ReviewReport): void {
  const allowed = stacks.map(({ name }) => name);
  const found = wanted.filter((name) => !allowed.includes(name));
  if (found.length === 0) return;
  throw new UserError(
    { what: "the review has no such stack", found: found.join(", "), allowed: allowed.join(", ") },
    exitCodes.usage,
  );
}

/** A review of other hosts that are called the same is no review of these. */
export function refuseOtherTarget({ target }: Pick<ReviewReport, "target">, here: string): void {
  if (target === here) return;
  throw new UserError({
    what: "nothing was changed: the review is of another set of hosts",
    found: target,
    allowed: here,
    remedy: "set UNIDESK_HOSTS as for the review, or review again",
  });
}

/** Without a look nobody knows what an apply would change, and the policies could not judge it. */
export function refuseUnseen({ offline }: Pick<ReviewReport, "offline">): void {
  if (offline === null) return;
  throw new UserError({
    what: "nothing was changed: the hosts were not looked at",
    found: offline,
    remedy: "unset UNIDESK_OBSERVE, then npx unidesk review",
  });
}

export function refuseDenied({ findings, stacks }: ReviewReport): void {
  const denied = findings.filter(({ level }) => level === "deny");
  if (denied.length > 0) {
    throw new UserError({
      what: "nothing was changed: a policy denies what was reviewed",
      found: denied.map(({ rule, subject, message }) => `${rule}: ${subject}: ${message}`).join("\n           "),
      remedy: [...new Set(denied.map(({ allow }) => allow))].join("; "),
    });
  }
  const broken = stacks.filter(({ action }) => action === "error").map(({ name }) => name);
  if (broken.length > 0) {
    throw new UserError({
      what: "nothing was changed: what was reviewed has a stack that could not be planned",
      found: broken.join(", "),
      remedy: "mend it, or review the other stacks by name: npx unidesk review <stack>…",
    });
  }
}

/** A stack that changes was reviewed with its plan; without it, what a person read cannot be applied. */
export function refuseMissingPlans(
  { report, planOf, folder }: Pick<StoredReview, "report" | "planOf" | "folder">,
  stacks: readonly string[],
): void {
  const missing = report.stacks
    .filter(({ name, action }) => action === "change" && name !== planOnlyStack && stacks.includes(name))
    .map(({ name }) => name)
    .filter((name) => planOf(name) === undefined);
  if (missing.length === 0) return;
  throw new UserError({
    what: "nothing was changed: the review has stacks that change, and not their plan files",
    found: `${folder} has none of ${missing.join(", ")}`,
    remedy: "npx unidesk review, then apply that",
  });
}

/**
 * A plan file is what is applied, whatever the report beside it says: one that a cut review, or somebody, put there does
 * what was not reviewed.
 */
export async function refuseOtherPlans(
  { planOf, folder: reviewed }: Pick<StoredReview, "planOf" | "folder">,
  { folders, parts }: Pick<Review, "folders" | "parts">,
): Promise<void> {
  const others = await Promise.all(
    [...folders].map(async ([name, folder]) => {
      const file = planOf(name);
      if (file === undefined) return [];
      const { lines } = sortStack(name, await readPlan(folder, file));
      const planned = parts.plans.filter((line) => line.startsWith(`${name} `));
      return isDeepStrictEqual(lines, planned) ? [] : [name];
    }),
  );
  const names = others.flat();
  if (names.length === 0) return;
  throw new UserError({
    what: "nothing was changed: the review's plan files do something else than the review says",
    found: `${reviewed} has others of ${names.join(", ")}`,
    remedy: "npx unidesk review, then apply that",
  });
}

const partNames: Readonly<Record<FingerprintPart, string>> = {
  pins: "the pins",
  code: "the code of the steps",
  facts: "what the hosts hold",
  plans: "what Terraform would do",
};

/** Where this machine made the review it can say what is different, else only which part is. */
export function refuseDifferences(
  before: FingerprintInput | undefined,
  fingerprint: string,
  { report, parts }: Review,
): void {
  if (report.fingerprint === fingerprint) return;
  const changed = differingParts(fingerprint, report.fingerprint);
  const lines = before ? changed.flatMap((part) => lineDifferences(before[part], parts[part])) : [report.fingerprint];
  throw new UserError({
    what: `nothing was changed: ${listed(changed.map((part) => partNames[part]))} changed since the review`,
    found: lines.join("\n           "),
    ...(before ? {} : { allowed: fingerprint }),
    remedy: "npx unidesk review, read what is different, then apply that",
  });
}

function listed(words: readonly string[]): string {
  return new Intl.ListFormat("en-GB", { type: "conjunction" }).format(words);
}
