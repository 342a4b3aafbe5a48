import { keyBlob } from "../approval/key-blob.ts";
import type { Approval, ApprovalFile, ApprovalRequest, Approver } from "../approval/request.ts";
import type { Problem } from "../errors.ts";

/** Longest time that an approval may have ahead of it. */
export const maxApprovalDays = 7;

/** A file that was read. */
export type ReadApproval =
  | { readonly is: "missing" }
  | { readonly is: "malformed"; readonly why: string }
  | {
      readonly is: "read";
      readonly content: ApprovalFile;
      /** Blob of the key that made the signature; undefined where it is no signature. */
      readonly signingKey: string | undefined;
      /** `ssh-keygen -Y verify` says that a key of the named signer signed exactly this. */
      readonly signatureIsGood: boolean;
    };

export interface ApprovalFacts {
  /** Where it was looked for. */
  readonly path: string;
  readonly approval: ReadApproval;
  readonly approvers: readonly Approver[];
  /** Key blobs that deploy. */
  readonly deployKeys: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** The command that gives the approval. */
  readonly remedy: string;
}

export type ApprovalVerdict =
  | { readonly ok: true; readonly approval: Approval }
  | { readonly ok: false; readonly problem: Problem };

/** Whether a person approved exactly this, and still does. */
export function judgeApproval(wanted: ApprovalRequest, facts: ApprovalFacts): ApprovalVerdict {
  const problem = problemOf(wanted, facts);
  if (problem) return { ok: false, problem };
  const { approval } = facts;
  if (approval.is !== "read") throw new Error("an approval that was not read has a problem");
  return { ok: true, approval: { signer: approval.content.signer, expires: approval.content.expires } };
}

function problemOf(wanted: ApprovalRequest, facts: ApprovalFacts): Problem | undefined {
  const { approval, path, approvers, deployKeys, now, remedy } = facts;
  const name = `${wanted.service} in ${wanted.environment}`;
  const again = `remove ${path}, then a person runs: ${remedy}`;
  const listed = approvers.find(({ keys }) => keys.some((key) => deployKeys.includes(keyBlob(key))));
  if (listed) return deployKeyListed(listed);
  if (approval.is === "missing") {
    return { what: `${name} is supervised and has no approval for ${wanted.commit}`, found: `no ${path}`, remedy };
  }
  if (approval.is === "malformed") {
    return { what: `the approval ${path} is not one`, found: approval.why, remedy: again };
  }
  const { content, signingKey, signatureIsGood } = approval;
  for (const field of ["target", "service", "environment", "commit"] as const) {
    if (content[field] === wanted[field]) continue;
    return {
      what: `the approval ${path} is for another ${field}`,
      found: content[field],
      allowed: wanted[field],
      remedy: again,
    };
  }
  if (signingKey !== undefined && deployKeys.includes(signingKey)) {
    return {
      what: `the approval ${path} was signed with a deploy key: what deploys cannot approve`,
      found: content.signer,
      allowed: namesOf(approvers),
      remedy: again,
    };
  }
  const signer = approvers.find((candidate) => candidate.name === content.signer);
  if (!signer) {
    return {
      what: `the approval ${path} is of somebody who is no approver`,
      found: content.signer,
      allowed: namesOf(approvers),
      remedy: `let an approver run: ${remedy}`,
    };
  }
  if (!signatureIsGood) {
    return {
      what: `the signature of the approval ${path} does not verify`,
      found: `not signed by a key of ${content.signer} over this target, service, environment, commit and expiry`,
      remedy: again,
    };
  }
  const left = Date.parse(content.expires) - now;
  if (left <= 0) {
    return {
      what: `the approval of ${content.signer} for ${name} has expired`,
      found: `expired ${content.expires}, now ${isoSeconds(now)}`,
      remedy,
    };
  }
  if (left > maxApprovalDays * 86_400_000) {
    return {
      what: `the approval of ${content.signer} for ${name} is valid for too long`,
      found: `until ${content.expires}`,
      allowed: `at most ${maxApprovalDays} days from now`,
      remedy: again,
    };
  }
  return undefined;
}

/** Why nothing can be approved while a deploy key is among the approvers'. */
export function deployKeyListed({ name }: Approver): Problem {
  return {
    what: `context.approvers lists a deploy key: what deploys cannot approve`,
    found: name,
    allowed: "keys that no host's identityFile holds",
    remedy: `give ${name} a key of their own: ssh-keygen -t ed25519`,
  };
}

export function namesOf(approvers: readonly Approver[]): string {
  return approvers.map(({ name }) => name).join(", ") || "nobody: context.approvers is empty";
}

/** `2026-01-31T18:00:00Z`. */
export function isoSeconds(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}
