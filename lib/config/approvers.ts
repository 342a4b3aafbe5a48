import { readFileSync } from "node:fs";
import * as z from "zod";
import type { Approver } from "../approval/request.ts";
import { exitCodes, messageOf, UserError } from "../errors.ts";
import { runnerPath } from "./hosts.ts";

const keyLine =
  /^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/=]+( [^\0\n]*)?$/;

/** `context.approvers`: who may sign for what is supervised. */
export const Approvers = z
  .array(
    z.strictObject({
      name: z.string().regex(/^[A-Za-z0-9][\w.@+-]*$/, {
        error: "must be a name of letters, digits and . _ @ + -, such as an e-mail",
      }),
      key: z.string().refine((line) => keyLine.test(line) || /^@(~\/|\/|\.{1,2}\/).+$/.test(line), {
        error: 'must be a public key line ("ssh-ed25519 AAAA…") or "@" and a file of such lines',
      }),
    }),
  )
  .refine((approvers) => new Set(approvers.map(({ name }) => name)).size === approvers.length, {
    error: "must name every approver once; a file of lines holds several keys of one",
  })
  .default([])
  .describe("Who may approve a supervised deployment; never a key that deploys");
export type Approvers = z.infer<typeof Approvers>;

export function approversOf(approvers: Approvers, root: string): Approver[] {
  return approvers.map(({ name, key }) => ({
    name,
    keys: key.startsWith("@") ? readKeys(key.slice(1), name, root) : [key],
  }));
}

function readKeys(path: string, name: string, root: string): string[] {
  const what = `context.approvers: ${name}: ${path}`;
  const remedy = "npm run lab -- up makes the lab's; of a real person write the public key line into cdktf.json";
  let lines: string[];
  try {
    lines = readFileSync(runnerPath(path, root), "utf8")
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "" && !line.startsWith("#"));
  } catch (error) {
    throw new UserError({ what: `${what} cannot be read`, found: messageOf(error), remedy }, exitCodes.usage);
  }
  const wrong = lines.length === 0 ? "no key line" : lines.find((line) => !keyLine.test(line));
  if (wrong === undefined) return lines;
  throw new UserError(
    {
      what: `${what}: every line must be a public key line`,
      found: wrong.includes("PRIVATE KEY") ? "a private key" : wrong.slice(0, 100),
      allowed: 'lines such as "ssh-ed25519 AAAA… name"',
      remedy,
    },
    exitCodes.usage,
  );
}
