import { access, mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { labDir } from "../tools/paths.mjs";
import { LabError } from "./errors.ts";
import { writeAtomically } from "./files.ts";
import { approverFile, identityFile, type LabHost } from "./settings.ts";

/** Makes the key with which the runner logs in and the one with which a person approves, once in a lab's life. */
export async function ensureClientKeys(): Promise<void> {
  await ensureKey(identityFile, "unidesk-lab");
  await ensureKey(approverFile, "unidesk-lab-approver");
}

async function ensureKey(file: string, comment: string): Promise<void> {
  if ((await readable(file)) && (await readable(`${file}.pub`))) return;
  await mkdir(labDir, { recursive: true, mode: 0o700 });
  const draft = `${file}.new`;
  await rm(draft, { force: true });
  await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", draft]);
  await rename(`${draft}.pub`, `${file}.pub`);
  await rename(draft, file);
}

export async function clientPublicKey(): Promise<string> {
  return await readFile(`${identityFile}.pub`, "utf8");
}

export function hostKeysFile(host: LabHost): string {
  return join(host.dir, "ssh_host_keys.pub");
}

export function knownHostsFile(host: LabHost): string {
  return join(host.dir, "known_hosts");
}

/** Writes the public keys down that the host's container handed out, which is what makes them trustworthy. */
export async function writeHostKeys(host: LabHost, keys: readonly string[]): Promise<void> {
  const kinds = keys.map((key) => key.split(" ")[0]);
  if (keys.length !== 3 || !kinds.every((kind) => kind && /^(ecdsa-sha2-nistp256|ssh-ed25519|ssh-rsa)$/.test(kind))) {
    throw new LabError(
      `${host.name} should have an ecdsa, an ed25519 and an rsa host key, but has: ${kinds.join(", ")}.`,
    );
  }
  const known = keys.map((key) => `[127.0.0.1]:${host.port} ${key}`);
  await writeWhereNew(hostKeysFile(host), `${keys.join("\n")}\n`);
  await writeWhereNew(knownHostsFile(host), `${known.join("\n")}\n`);
}

async function writeWhereNew(path: string, text: string): Promise<void> {
  const old = await readFile(path, "utf8").catch(() => undefined);
  if (old !== text) await writeAtomically(path, text);
}

async function readable(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
