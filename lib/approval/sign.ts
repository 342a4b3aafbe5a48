import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { UserError } from "../errors.ts";
import { deployKeyListed, judgeApproval, namesOf } from "../verdicts/approval.ts";
import { keyBlob } from "./key-blob.ts";
import { publicBlob, signingKey } from "./keys.ts";
import {
  type Approval,
  type ApprovalFile,
  approvalNamespace,
  approvalPath,
  approvalText,
  approveCommand,
  type StepApproval,
} from "./request.ts";
import { inPrivateFolder, readApproval } from "./verify.ts";

/** How long a person may take for a passphrase or a touch, in seconds. */
const signTimeoutSeconds = 120;

export interface Signed extends Approval {
  readonly path: string;
}

/** Signs a request with a person's key and leaves the approval in its folder, after having verified it. */
export async function signApproval({ request, source }: StepApproval, expires: string, key?: string): Promise<Signed> {
  const listed = source.approvers.find(({ keys }) => keys.some((line) => source.deployKeys.includes(keyBlob(line))));
  if (listed) throw new UserError(deployKeyListed(listed));
  return inPrivateFolder(async (folder) => {
    const file = key ?? (await findKey(source, folder));
    const known = file.endsWith(".pub") && existsSync(file) ? keyBlob(readFileSync(file, "utf8")) : publicBlob(file);
    if (known !== undefined) signerOf(known, file, source);
    const signature = await sign(approvalText(request, expires), file, folder);
    const signer = signerOf(signingKey(signature) ?? "", file, source);
    const content = { version: 1, ...request, expires, signer, signature } as ApprovalFile;
    const draft = join(folder, "approval.json");
    writeFileSync(draft, `${JSON.stringify(content, null, 2)}\n`);
    const path = approvalPath(source.folder, request);
    const verdict = judgeApproval(request, {
      path,
      approval: await readApproval(draft, source.approvers),
      approvers: source.approvers,
      deployKeys: source.deployKeys,
      now: Date.now(),
      remedy: approveCommand(request),
    });
    if (!verdict.ok) throw new UserError(verdict.problem);
    mkdirSync(dirname(path), { recursive: true });
    const stage = `${path}.${process.pid}`;
    writeFileSync(stage, readFileSync(draft));
    renameSync(stage, path);
    return { ...verdict.approval, path };
  });
}

/** The approver that a key is of; a key that deploys is nobody's. */
function signerOf(blob: string, file: string, { approvers, deployKeys }: StepApproval["source"]): string {
  if (deployKeys.includes(blob)) {
    throw new UserError({
      what: "a deploy key cannot approve: what deploys must not be able to say yes to itself",
      found: file,
      allowed: `a key of: ${namesOf(approvers)}`,
      remedy: "--key <file>: the approver's own key",
    });
  }
  const approver = approvers.find(({ keys }) => keys.some((line) => keyBlob(line) === blob));
  if (approver) return approver.name;
  throw new UserError({
    what: "this key is of no approver",
    found: file,
    allowed: `a key of: ${namesOf(approvers)}`,
    remedy: "--key <file>, or let a reviewed change add its public key line to context.approvers",
  });
}

/** An approver's key that this person has: in ~/.ssh or in the agent. */
async function findKey({ approvers }: StepApproval["source"], folder: string): Promise<string> {
  const wanted = new Set(approvers.flatMap(({ keys }) => keys.map(keyBlob)));
  const ssh = join(homedir(), ".ssh");
  const files = existsSync(ssh) ? readdirSync(ssh).filter((name) => name.endsWith(".pub")) : [];
  const found = files.map((name) => join(ssh, name)).find((file) => wanted.has(keyBlob(readFileSync(file, "utf8"))));
  if (found) return found;
  const agent = await execa("ssh-add", ["-L"], { reject: false, timeout: 10_000 });
  const line = agent.exitCode === 0 ? agent.stdout.split("\n").find((one) => wanted.has(keyBlob(one))) : undefined;
  if (line) {
    const file = join(folder, "agent.pub");
    writeFileSync(file, `${line}\n`);
    return file;
  }
  throw new UserError({
    what: "no approver's key was found",
    found: "none in ~/.ssh and none in the SSH agent",
    allowed: `a key of: ${namesOf(approvers)}`,
    remedy: "--key <file>",
  });
}

/** A passphrase is asked for by ssh-keygen itself, on the terminal; it never passes through here. */
async function sign(text: string, key: string, folder: string): Promise<string> {
  const file = join(folder, "text");
  writeFileSync(file, text);
  const result = await execa("ssh-keygen", ["-q", "-Y", "sign", "-n", approvalNamespace, "-f", key, file], {
    stdin: "inherit",
    stderr: process.stderr.isTTY ? "inherit" : "pipe",
    reject: false,
    timeout: signTimeoutSeconds * 1000,
  });
  if (result.exitCode === 0) return readFileSync(`${file}.sig`, "utf8");
  throw new UserError({
    what: `ssh-keygen did not sign with ${key}`,
    found: result.timedOut
      ? `no end after ${signTimeoutSeconds} s`
      : result.stderr?.trim() || result.shortMessage?.split("\n")[0] || "it says why above",
    remedy: "check the key file, its passphrase, or the SSH agent",
  });
}
