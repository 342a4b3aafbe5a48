import { docker } from "./docker.ts";
import { waitForBoot } from "./host-container.ts";
import { waitForCluster } from "./kubernetes.ts";
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

/** Switches a stopped host on and waits until its Docker, its sshd and its cluster answer. */
export async function startHost(name: HostName): Promise<void> {
  const host = labHost(name);
  await docker(["start", host.container], { timeout: 60_000 });
  // A deployment that was cut off is undone while it boots.
  await waitForBoot(host, [], 150_000);
  await waitForCluster(host, 120_000);
}

/** Freezes a host: connections open and then nothing answers, as when a machine hangs or a line drops. */
export async function freezeHost(name: HostName): Promise<void> {
  await docker(["pause", labHost(name).container]);
}

export async function thawHost(name: HostName): Promise<void> {
  await docker(["unpause", labHost(name).container]);
}

/** Drops everything that comes to a host's sshd, as a broken line does: open connections hang, new ones time out. */
export async function cutNetwork(name: HostName): Promise<void> {
  await labExec(name, "iptables -I INPUT -p tcp --dport 22 -j DROP");
}

export async function mendNetwork(name: HostName): Promise<void> {
  await labExec(name, "while iptables -D INPUT -p tcp --dport 22 -j DROP 2>/dev/null; do :; done");
}

/** Shuts a host down in order and starts it again. */
export async function rebootHost(name: HostName): Promise<void> {
  await stopHost(name);
  await startHost(name);
}

/** Ends everything on a host at once, without a chance to put things in order, and starts it again. */
export async function powerCut(name: HostName): Promise<void> {
  await docker(["kill", labHost(name).container]);
  await startHost(name);
}
