import { readFileSync } from "node:fs";
import { exitCodes, messageOf, UserError } from "../errors.ts";

/** One public key as ssh-keygen writes it. */
export interface PublicKey {
  readonly type: string;
  readonly blob: string;
}

const keyLine =
  /^((?:sk-)?(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521))(?:@openssh\.com)?) ([A-Za-z0-9+/]{60,}={0,2})( .*)?$/;

export function readPublicKey(file: string): PublicKey {
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (error) {
    throw unusable(file, messageOf(error));
  }
  if (text.includes("PRIVATE KEY")) throw unusable(file, "a private key, which never leaves its place");
  const [, type, blob] = keyLine.exec(text) ?? [];
  if (!type || !blob) throw unusable(file, `${text.split("\n").length} line(s) that are no public key`);
  return { type, blob };
}

function unusable(file: string, found: string): UserError {
  return new UserError(
    {
      what: `--key ${file} is no public key`,
      found,
      allowed: 'a file of one line such as "ssh-ed25519 AAAA… comment"',
      remedy: "ssh-keygen -t ed25519 -N '' -f observer, then name observer.pub",
    },
    exitCodes.usage,
  );
}
