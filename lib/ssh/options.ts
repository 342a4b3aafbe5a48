import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import type { Connection } from "../config/hosts.ts";
import { InfraBlockedError, UserError } from "../errors.ts";
import { shellCommand } from "./quote.ts";

/** Host key lines are looked up under this name, so that they hold through any proxy, address or port. */
export function hostKeyAlias(host: Connection): string {
  return `unidesk-${host.name}`;
}

/** Short, private and per user: ssh(1) refuses control paths of more than about 100 bytes. */
export function runtimeDir(): string {
  const dir = join(tmpdir().length > 40 ? "/tmp" : tmpdir(), `unidesk-${userInfo().uid}`);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  // The temporary folder is everybody's: a folder of this name that is not ours could hold anybody's host keys.
  const { uid, mode } = lstatSync(dir);
  if (uid === userInfo().uid && (mode & 0o077) === 0 && lstatSync(dir).isDirectory()) return dir;
  throw new UserError({
    what: `${dir} is not a private folder of this user's`,
    found: `owner ${uid}, mode ${(mode & 0o777).toString(8)}`,
    allowed: `owner ${userInfo().uid}, mode 700`,
    remedy: `remove it, or set TMPDIR to a folder of your own`,
  });
}

/**
 * Options of every OpenSSH call: nothing from the user's configuration, no prompt, host key verified
 * against the pinned lines and nothing else.
 */
export function sshOptions(host: Connection): string[] {
  if (host.hostKeys.length === 0) {
    throw new InfraBlockedError(
      {
        what: `${host.name}: no host key is pinned, so it is not contacted`,
        allowed: "at least one public key line in hostKeys",
        remedy: `add the host's keys to context.hosts.${host.name}.hostKeys in cdktf.json`,
      },
      [`${host.name}:ssh`],
    );
  }
  const options: Record<string, string> = {
    BatchMode: "yes",
    StrictHostKeyChecking: "yes",
    UserKnownHostsFile: knownHostsFile(host),
    GlobalKnownHostsFile: "/dev/null",
    HostKeyAlias: hostKeyAlias(host),
    CheckHostIP: "no",
    UpdateHostKeys: "no",
    ConnectTimeout: "5",
    ServerAliveInterval: "5",
    ServerAliveCountMax: "2",
    LogLevel: "ERROR",
  };
  if (host.identityFile) {
    options.IdentitiesOnly = "yes";
    options.IdentityFile = `"${host.identityFile}"`;
  }
  if (host.proxyJump) options.ProxyCommand = jumpCommand(host.proxyJump, host.identityFile);
  if (host.proxyCommand) options.ProxyCommand = host.proxyCommand;
  return [
    "-F",
    "none",
    ...Object.entries(options).flatMap(([key, value]) => ["-o", `${key}=${value}`]),
    "-p",
    String(host.port),
    "-l",
    host.user,
  ];
}

/**
 * ssh's own ProxyJump hands none of our options on: it would ask a person about an unknown key. The jump
 * host's key must be in the user's known_hosts.
 */
function jumpCommand(jump: string, identityFile: string | undefined): string {
  const [, user, address = "", port] = /^(?:([^@]+)@)?(.+?)(?::(\d+))?$/.exec(jump) ?? [];
  const options = ["BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=5"];
  if (identityFile) options.push("IdentitiesOnly=yes", `IdentityFile="${identityFile}"`);
  const login = [...(user ? ["-l", user] : []), ...(port ? ["-p", port] : [])];
  const words = ["ssh", "-F", "none", ...options.flatMap((option) => ["-o", option]), ...login];
  return `${shellCommand(words)} -W '[%h]:%p' -- ${shellCommand([address])}`;
}

/** Named by its content: concurrent runs share it, and a changed key is another file. */
function knownHostsFile(host: Connection): string {
  const text = host.hostKeys.map((line) => `${hostKeyAlias(host)} ${line}\n`).join("");
  const file = join(runtimeDir(), `known-${sha256(text).slice(0, 12)}`);
  if (!existsSync(file)) {
    const stage = `${file}.${process.pid}`;
    writeFileSync(stage, text, { mode: 0o600 });
    renameSync(stage, file);
  }
  return file;
}

/**
 * Socket of the host's shared connection. The name covers the pinned keys and the login, because a
 * running master is joined without looking at the host key again. A key file that was written anew is another login: jobs
 * of one runner put now the observing key, now the deploying one in the same place.
 */
export function controlPath(host: Connection): string {
  const file = host.identityFile ? statSync(host.identityFile, { throwIfNoEntry: false }) : undefined;
  const key = [host.identityFile, file?.ino, file?.mtimeMs];
  const identity = [host.address, host.port, host.user, key, host.proxyJump, host.proxyCommand];
  return join(runtimeDir(), `m-${sha256(JSON.stringify([identity, host.hostKeys])).slice(0, 16)}`);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
