import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { messageOf, UserError } from "../errors.ts";
import { type ApprovalVerdict, judgeApproval, type ReadApproval } from "../verdicts/approval.ts";
import { signingKey } from "./keys.ts";
import {
  type Approval,
  ApprovalFile,
  type ApprovalRequest,
  type Approver,
  approvalNamespace,
  approvalPath,
  approvalText,
  approveCommand,
  type StepApproval,
} from "./request.ts";

/** Larger than any approval. */
const maxBytes = 64 * 1024;

/** The approval that a person gave for exactly this request; throws with the reason where there is none. */
export async function requireApproval(wanted: StepApproval, now = Date.now()): Promise<Approval> {
  const verdict = await lookForApproval(wanted, now);
  if (verdict.ok) return verdict.approval;
  throw new UserError({ ...verdict.problem, what: `nothing was changed: ${verdict.problem.what}` });
}

/** Whether there is one, and why there is none that counts. */
export async function lookForApproval({ request, source }: StepApproval, now = Date.now()): Promise<ApprovalVerdict> {
  const path = approvalPath(source.folder, request);
  return judgeApproval(request, {
    path,
    approval: await readApproval(path, source.approvers),
    approvers: source.approvers,
    deployKeys: source.deployKeys,
    now,
    remedy: approveCommand(request),
  });
}

export async function readApproval(path: string, approvers: readonly Approver[]): Promise<ReadApproval> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { is: "missing" };
    return { is: "malformed", why: messageOf(error) };
  }
  if (text.length > maxBytes) return { is: "malformed", why: `${text.length} characters` };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { is: "malformed", why: "it is not JSON" };
  }
  const parsed = ApprovalFile.safeParse(value);
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path: at, message }) =>
      at.length > 0 ? `${at.join(".")}: ${message}` : message,
    );
    return { is: "malformed", why: issues.join("; ") };
  }
  const content = parsed.data;
  return {
    is: "read",
    content,
    signingKey: signingKey(content.signature),
    signatureIsGood: await verifies(content, approvers),
  };
}

/** Asks OpenSSH, with a file of the approvers' keys for this purpose alone. */
async function verifies(content: ApprovalFile, approvers: readonly Approver[]): Promise<boolean> {
  return inPrivateFolder(async (folder) => {
    const allowed = join(folder, "allowed_signers");
    const signature = join(folder, "signature");
    writeFileSync(allowed, allowedSigners(approvers));
    writeFileSync(signature, content.signature);
    const args = ["-Y", "verify", "-f", allowed, "-I", content.signer, "-n", approvalNamespace, "-s", signature];
    const result = await execa("ssh-keygen", args, {
      input: approvalText(content satisfies ApprovalRequest, content.expires),
      reject: false,
      timeout: 20_000,
    });
    if (result.exitCode === undefined) {
      throw new UserError({
        what: "ssh-keygen cannot be run, so no approval can be verified",
        found: result.shortMessage ?? "it did not end by itself",
        remedy: "install the OpenSSH client, 8.2 or later",
      });
    }
    return result.exitCode === 0;
  });
}

function allowedSigners(approvers: readonly Approver[]): string {
  return approvers
    .flatMap(({ name, keys }) => keys.map((key) => `${name} namespaces="${approvalNamespace}" ${key}\n`))
    .join("");
}

/** Runs `use` with a folder that nobody else can read and that goes away afterwards. */
export async function inPrivateFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "unidesk-approval-"));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
