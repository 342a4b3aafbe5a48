import * as z from "zod";
import type { PolicySettings } from "../config/policies.ts";
import { messageOf } from "../errors.ts";
import { Finding, type ReviewReport } from "./report.ts";

export type { PolicySettings } from "../config/policies.ts";
export type { Finding, ResourceChange, ReviewReport, ServiceReview, ServiceSide } from "./report.ts";

/** A rule over the report of a review; one file of `policies/` each. */
export interface Policy {
  /** The file's name without `.ts`; findings carry it. */
  readonly name: string;
  /** What it demands, one sentence. */
  readonly describe: string;
  /** Looks at the report alone: no host, no file, no clock. */
  check(report: ReviewReport, settings: PolicySettings): Finding[];
}

const Findings = z.array(Finding);

/**
 * What the policies say about a report. One that fails to say anything denies: silence would be taken for a pass.
 * Each gets a report of its own, so that none can hide something from the next.
 */
export function runPolicies(report: ReviewReport, policies: readonly Policy[], settings: PolicySettings): Finding[] {
  const known = policies.map(({ name }) => name);
  const typos = settings.disabled.filter((name) => !known.includes(name));
  return [
    ...typos.map((name) => unknownPolicy(name, known)),
    ...policies
      .filter(({ name }) => !settings.disabled.includes(name))
      .flatMap((policy) => findingsOf(policy, report, settings)),
  ];
}

function findingsOf(policy: Policy, report: ReviewReport, settings: PolicySettings): Finding[] {
  try {
    const said: unknown = policy.check(structuredClone(report), structuredClone(settings));
    const findings = Findings.safeParse(said);
    if (!findings.success)
      return [broken(policy, `it returned something else than findings: ${z.prettifyError(findings.error)}`)];
    return findings.data.map((finding) => ({ ...finding, rule: policy.name }));
  } catch (error) {
    return [broken(policy, `it crashed: ${messageOf(error)}`)];
  }
}

function broken({ name }: Policy, message: string): Finding {
  return { rule: name, level: "deny", subject: "all", message, allow: `mend policies/${name}.ts on the base branch` };
}

function unknownPolicy(name: string, known: readonly string[]): Finding {
  return {
    rule: "disabled",
    level: "warn",
    subject: "all",
    message: `cdktf.json: context.policies.disabled names ${JSON.stringify(name)}, which is no policy`,
    allow: `correct the name; there are ${known.join(", ") || "none"}`,
  };
}
