import { access } from "node:fs/promises";
import { execa } from "execa";
import { LabError } from "./errors.ts";
import { knownHostsFile } from "./keys.ts";
import { identityFile, type LabHost } from "./settings.ts";

/** Arguments of the OpenSSH client up to and including the address; reads no configuration of the user's. */
export function sshArguments(host: LabHost): string[] {
  const options = {
    IdentitiesOnly: "yes",
    IdentityFile: identityFile,
    StrictHostKeyChecking: "yes",
    UserKnownHostsFile: knownHostsFile(host),
    GlobalKnownHostsFile: "none",
    UpdateHostKeys: "no",
    PasswordAuthentication: "no",
    ConnectTimeout: "5",
    LogLevel: "ERROR",
  };
  return [
    ...["-F", "none", "-p", String(host.port)],
    ...Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]),
    "ubuntu@127.0.0.1",
  ];
}

/** Hands the terminal to ssh and returns its exit code: the command's own, or 255 where there was no connection. */
export async function openSsh(host: LabHost, command: readonly string[]): Promise<number> {
  await access(knownHostsFile(host)).catch(() => {
    throw new LabError(`The lab has no host keys for ${host.name}. Bring it up: npm run lab -- up`);
  });
  const result = await execa("ssh", [...sshArguments(host), ...command], { stdio: "inherit", reject: false });
  return result.exitCode ?? 255;
}

/** Logs in once, as every later step of the project will. */
export async function checkSsh(host: LabHost): Promise<void> {
  const result = await execa("ssh", ["-o", "BatchMode=yes", ...sshArguments(host), "sudo", "-n", "true"], {
    stdin: "ignore",
    reject: false,
    timeout: 15_000,
  });
  if (result.exitCode !== 0) {
    throw new LabError(`Login on ${host.name} failed: ssh to 127.0.0.1:${host.port} said: ${result.stderr.trim()}`);
  }
}
