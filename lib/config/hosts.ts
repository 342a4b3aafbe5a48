import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import * as z from "zod";
import { exitCodes, messageOf, UserError } from "../errors.ts";

const AbsolutePath = z.string().regex(/^\/[^\0\n]*$/, { error: "must be an absolute path on that host" });
const RunnerPath = z.string().regex(/^(~\/|\/|\.{1,2}\/)/, { error: "must be a path on the runner: ~/…, /… or ./…" });
const keyLine = /^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/=]+( .*)?$/;
const KeyLine = z.string().refine((line) => keyLine.test(line) || /^@(~\/|\/|\.{1,2}\/).+$/.test(line), {
  error: 'must be a host key line ("ecdsa-sha2-nistp256 AAAA…") or "@" and a file of such lines',
});

const connection = {
  connection: z.enum(["ssh", "local"]).default("ssh"),
  address: z.string().min(1).default("127.0.0.1"),
  port: z.int().min(1).max(65_535).default(22),
  user: z.string().regex(/^[a-z_][a-z0-9_-]*$/, { error: "must be a user name" }),
  identityFile: RunnerPath.optional().describe("Private key file; without it the SSH agent is asked"),
  hostKeys: z.array(KeyLine).default([]).describe("Every public host key; a host without one is never contacted"),
  proxyJump: z
    .string()
    .regex(/^([a-z_][a-z0-9_-]*@)?[A-Za-z0-9][\w.-]*(:\d{1,5})?$/, {
      error: "must be one jump host: [user@]address[:port]; its key must be in the user's known_hosts",
    })
    .optional(),
  proxyCommand: z.string().optional(),
  home: AbsolutePath.optional().describe("Home folder of the user. Default: /home/<user>, /root for root"),
};

const ComposeFile = z.string().regex(/^[^\0\n]+$/, { error: "must be a Compose file, absolute or relative to root" });
const Compose = z.strictObject({
  project: z.string().regex(/^[a-z0-9][a-z0-9_-]*$/, { error: "must be a Compose project name" }),
  root: AbsolutePath,
  file: z
    .union([ComposeFile, z.array(ComposeFile).min(1)])
    .transform((files) => [files].flat().join("\n"))
    .describe("Compose file, or all of them in their order"),
  envFile: AbsolutePath.optional().describe("The controlled env file, where no configJson names it"),
});

function needsHostKeys(host: { connection: string; hostKeys: string[] }): boolean {
  return host.connection === "local" || host.hostKeys.length > 0;
}
const hostKeysError = {
  path: ["hostKeys"],
  error:
    "must list the host's public keys: there is no trust on first use; remedy: ssh-keyscan from a machine that you trust",
};

const D601 = z
  .strictObject({
    ...connection,
    compose: Compose.optional(),
    git: z.record(z.url(), AbsolutePath).default({}).describe("Source repository URL to the bare repository on D601"),
    kubernetes: z
      .strictObject({
        kubectl: z.string().min(1).default("k3s kubectl"),
        apiPort: z.int().min(1).max(65_535).default(6443),
        caCertificate: z
          .string()
          .refine((text) => text.includes("BEGIN CERTIFICATE") || /^@(~\/|\/|\.{1,2}\/).+$/.test(text), {
            error: 'must be a PEM certificate, or "@" and a file of it on the runner',
          })
          .describe("Authority of the API server; a cluster with another one is never talked to"),
      })
      .optional(),
  })
  .refine(needsHostKeys, hostKeysError);

const MainServer = z
  .strictObject({ ...connection, compose: Compose, configJson: AbsolutePath })
  .refine(needsHostKeys, hostKeysError);

export const Hosts = z.strictObject({ d601: D601, "main-server": MainServer });
export type Hosts = z.infer<typeof Hosts>;
export type HostName = keyof Hosts;
export const hostNames: readonly HostName[] = ["d601", "main-server"];

/** How the runner reaches one host; plain data, so that it travels to a step as JSON. */
export interface Connection {
  readonly name: HostName;
  readonly kind: "ssh" | "local";
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** Absolute path on the runner. */
  readonly identityFile?: string;
  /** Public key lines, without host names. */
  readonly hostKeys: readonly string[];
  readonly proxyJump?: string;
  readonly proxyCommand?: string;
  /** Home folder on the host. */
  readonly home: string;
  /** The key can run the looks of a review and nothing else. @default - it can deploy */
  readonly access?: "observe";
}

export function connectionOf(hosts: Hosts, name: HostName, root: string, access?: "observe"): Connection {
  const host = hosts[name];
  return {
    name,
    kind: host.connection,
    address: host.address,
    port: host.port,
    user: host.user,
    home: host.home ?? (host.user === "root" ? "/root" : `/home/${host.user}`),
    hostKeys: host.hostKeys.flatMap((line) => (line.startsWith("@") ? readKeyFile(line.slice(1), name, root) : [line])),
    ...(host.identityFile ? { identityFile: runnerPath(host.identityFile, root) } : {}),
    ...(host.proxyJump ? { proxyJump: host.proxyJump } : {}),
    ...(host.proxyCommand ? { proxyCommand: host.proxyCommand } : {}),
    ...(access && host.connection === "ssh" ? { access } : {}),
  };
}

function readKeyFile(path: string, name: HostName, root: string): string[] {
  const file = runnerPath(path, root);
  const remedy = "npm run lab -- up makes the lab's; for a real host write its public key lines into cdktf.json";
  let lines: string[];
  try {
    lines = readFileSync(file, "utf8")
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "" && !line.startsWith("#"));
  } catch (error) {
    throw new UserError(
      { what: `hosts.${name}.hostKeys: the key file cannot be read`, found: messageOf(error), remedy },
      exitCodes.usage,
    );
  }
  const wrong = lines.length === 0 ? "no key line" : lines.find((line) => !keyLine.test(line));
  if (wrong === undefined) return lines;
  throw new UserError(
    {
      what: `hosts.${name}.hostKeys: ${path}: every line must be a host key line`,
      found: wrong.slice(0, 100),
      allowed: 'lines such as "ecdsa-sha2-nistp256 AAAA…", without a host name in front',
      remedy,
    },
    exitCodes.usage,
  );
}

/** Absolute path of a path on the runner: ~/…, /… or relative to the checkout. */
export function runnerPath(path: string, root: string): string {
  if (path.startsWith("~/")) return join(homedir(), path.slice(2));
  return isAbsolute(path) ? path : resolve(root, path);
}
