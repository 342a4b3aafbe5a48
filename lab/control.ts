import { docker } from "./docker.ts";
import { waitForBoot } from "./host-container.ts";
import { type HostName, labHost } from "./settings.ts";

/**
 * Runs a command inside a host as root by way of the outer Docker, so it works where the host's SSH does not: a list
 * of arguments as it is, a text as a `sh -eu` script. Returns standard output; throws with standard error.
 */
export async function labExec(
  name: HostName,
  command: string | readonly string[],
  options: { readonly user?: string; readonly input?: string; readonly timeoutMs?: number } = {},
): Promise<string> {
  const argv = typeof command === "string" ? ["sh", "-euc", command] : command;
  const flags = ["--user", options.user ?? "root", ...(options.input === undefined ? [] : ["--interactive"])];
  return await docker(["exec", ...flags, labHost(name).container, ...argv], {
    timeout: options.timeoutMs ?? 60_000,
    ...(options.input === undefined ? {} : { stdin: "pipe", input: options.input }),
  });
}

/** Switches a host off: its port refuses connections at once. Data and keys stay. */
export async function stopHost(name: HostName): Promise<void> {
  await docker(["stop", "--time", "20", labHost(name).container], { timeout: 60_000 });
}

/** Switches a stopped host on and waits until its Docker and sshd answer. */
export async function startHost(name: HostName): Promise<void> {
  await docker(["start", labHost(name).container], { timeout: 60_000 });
  await waitForBoot(labHost(name));
}

/** Freezes a host: connections open and then nothing answers, as when a machine hangs or a line drops. */
export async function freezeHost(name: HostName): Promise<void> {
  await docker(["pause", labHost(name).container]);
}

export async function thawHost(name: HostName): Promise<void> {
  await docker(["unpause", labHost(name).container]);
}
