import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import type { Connection } from "../config/hosts.ts";
import { UserError } from "../errors.ts";
import { keyBlob } from "./key-blob.ts";

/**
 * Blobs of the keys that log in on the hosts. A private key that is not on this machine deploys nothing from
 * here, so it is passed over; one whose public half cannot be known is an error, because it could be anybody's.
 */
export function deployKeysOf(connections: Readonly<Record<string, Connection>>): string[] {
  const files = Object.values(connections).flatMap(({ identityFile }) => identityFile ?? []);
  return [...new Set([...new Set(files)].filter((file) => existsSync(file)).map(deployKey))];
}

function deployKey(file: string): string {
  const blob = publicBlob(file);
  if (blob !== undefined) return blob;
  throw new UserError({
    what: `the public half of the deploy key ${file} cannot be read, so nobody can tell whether it signed an approval`,
    allowed: "a private key without a passphrase, or its public key beside it",
    remedy: `ssh-keygen -y -f ${file} > ${file}.pub`,
  });
}

/** Blob of a private key's public half, taken from the private key itself where that needs no passphrase. */
export function publicBlob(privateKeyFile: string): string | undefined {
  const derived = spawnSync("ssh-keygen", ["-y", "-P", "", "-f", privateKeyFile], { encoding: "utf8" });
  const line = derived.status === 0 ? derived.stdout : readIfThere(`${privateKeyFile}.pub`);
  return keyBlob(line) || undefined;
}

function readIfThere(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

/** The key inside an armored SSH signature (PROTOCOL.sshsig), as the blob of a public key line. */
export function signingKey(armored: string): string | undefined {
  const bytes = Buffer.from(armored.replaceAll(/-----[A-Z ]+-----|\s/g, ""), "base64");
  const start = "SSHSIG".length + 4;
  if (bytes.length < start + 4 || bytes.toString("latin1", 0, 6) !== "SSHSIG") return undefined;
  const length = bytes.readUInt32BE(start);
  const key = bytes.subarray(start + 4, start + 4 + length);
  return key.length === length && length > 0 ? key.toString("base64") : undefined;
}
