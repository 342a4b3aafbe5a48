import { join } from "node:path";
import * as z from "zod";
import { Commit, Environment, ServiceId } from "../config/values.ts";

/** Namespace of `ssh-keygen -Y`: a signature that was made for anything else is none here. */
export const approvalNamespace = "unidesk-approval";

/** What a person says yes to. */
export interface ApprovalRequest {
  /** The site's target: an approval for the lab is none for production. */
  readonly target: string;
  readonly service: string;
  readonly environment: Environment;
  readonly commit: string;
}

/** Who may approve. */
export interface Approver {
  readonly name: string;
  /** Public key lines. */
  readonly keys: readonly string[];
}

/** What an approval is judged with; plain data and public keys only, so that it travels to a step as JSON. */
export interface ApprovalSource {
  /** Folder of the approvals on the runner. */
  readonly folder: string;
  readonly approvers: readonly Approver[];
  /** Key blobs that deploy: none of them approves. */
  readonly deployKeys: readonly string[];
}

/** What a step has to see approved before it runs. */
export interface StepApproval {
  readonly request: ApprovalRequest;
  readonly source: ApprovalSource;
}

/** A verified approval. */
export interface Approval {
  readonly signer: string;
  /** UTC, RFC 3339, whole seconds. */
  readonly expires: string;
}

/** One approval as a file; the fields are a contract. */
export const ApprovalFile = z.strictObject({
  version: z.literal(1, { error: "must be 1, the only version of this file" }),
  target: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, { error: "must be the target of a site" }),
  service: ServiceId,
  environment: Environment,
  commit: Commit,
  expires: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/, { error: "must be a UTC time such as 2026-01-31T18:00:00Z" })
    .refine((text) => !Number.isNaN(Date.parse(text)), { error: "must be a time that exists" }),
  signer: z.string().regex(/^[A-Za-z0-9][\w.@+-]*$/, { error: "must be the name of an approver" }),
  signature: z.string().regex(/^-----BEGIN SSH SIGNATURE-----\n[A-Za-z0-9+/=\n]+-----END SSH SIGNATURE-----\n?$/, {
    error: "must be an armored SSH signature",
  }),
});
export type ApprovalFile = z.infer<typeof ApprovalFile>;

/** What is signed: every field on a line of its own, so that no two approvals have the same text. */
export function approvalText({ target, service, environment, commit }: ApprovalRequest, expires: string): string {
  return [
    "unidesk-approval 1",
    `target ${target}`,
    `service ${service}`,
    `environment ${environment}`,
    `commit ${commit}`,
    `expires ${expires}`,
    "",
  ].join("\n");
}

export function approvalPath(folder: string, { target, service, environment, commit }: ApprovalRequest): string {
  return join(folder, target, `${environment}-${service}-${commit}.json`);
}

/** The command that gives this approval. */
export function approveCommand({ service, environment, commit }: ApprovalRequest): string {
  return `npx unidesk approve ${service} --env ${environment} --commit ${commit}`;
}
