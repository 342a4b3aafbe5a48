import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ApprovalRequest, ApprovalSource } from "../../lib/approval/request.ts";
import { commitA, tempFolder } from "../support.ts";

/** A real key pair of OpenSSH. */
export function makeKey(passphrase = "", type = "ed25519"): { file: string; line: string } {
  const file = join(tempFolder(), "id");
  spawnSync("ssh-keygen", ["-q", "-t", type, "-N", passphrase, "-C", "somebody", "-f", file]);
  return { file, line: readFileSync(`${file}.pub`, "utf8").trim() };
}

export const request: ApprovalRequest = {
  target: "lab",
  service: "code-queue-mgr",
  environment: "prod",
  commit: commitA,
};

export function sourceOf(approvers: Record<string, string[]>, deployKeys: readonly string[] = []): ApprovalSource {
  return {
    folder: join(tempFolder(), "approvals"),
    approvers: Object.entries(approvers).map(([name, keys]) => ({ name, keys })),
    deployKeys,
  };
}

/** The time so many hours from now, as an approval says it. */
export function hence(hours: number): string {
  return `${new Date(Date.now() + hours * 3_600_000).toISOString().slice(0, 19)}Z`;
}
