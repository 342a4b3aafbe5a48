import { setTimeout } from "node:timers/promises";
import { labName } from "../tools/paths.mjs";
import { docker, dockerHas, inspectContainer } from "./docker.ts";
import { LabError } from "./errors.ts";
import { contentHash } from "./files.ts";
import { ensureHostImage, hostImage } from "./images.ts";
import { once } from "./once.ts";
import { type Probe, probe } from "./probe.ts";
import { definitionLabel, type LabHost, labLabel } from "./settings.ts";

// Every capability by name but SYS_RESOURCE, BPF, PERFMON and CHECKPOINT_RESTORE: some machines lack these, and there
// Docker refuses --privileged altogether.
const capabilities =
  `AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID
  IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST
  NET_RAW SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE
  SYS_RAWIO SYS_TIME SYS_TTY_CONFIG WAKE_ALARM`.split(/\s+/);

/** A real k3s lowers the chance that the kernel ends its pods' sandboxes, and that takes one capability more. */
function clusterCapabilities(host: LabHost): string[] {
  const { LAB_K3S } = process.env;
  return host.name === "d601" && LAB_K3S && LAB_K3S !== "none" ? ["SYS_RESOURCE"] : [];
}

function runArguments(host: LabHost, image: string): string[] {
  return [
    ...["--name", host.container, "--hostname", host.name, "--network", labName, "--network-alias", host.name],
    ...["--label", `${labLabel}=${labName}`],
    ...[...capabilities, ...clusterCapabilities(host)].flatMap((capability) => ["--cap-add", capability]),
    ...["seccomp", "apparmor", "systempaths"].flatMap((option) => ["--security-opt", `${option}=unconfined`]),
    ...["--cgroupns", "private", "--tmpfs", "/run:exec", "--tmpfs", "/run/lock"],
    ...Object.entries(host.volumes).flatMap(([volume, path]) => ["--volume", `${volume}:${path}`]),
    // The second is for a machine with version 1 of cgroups and does nothing on others.
    ...["--env", "container=docker", "--env", "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"],
    ...["--publish", `127.0.0.1:${host.port}:22`],
    image,
  ];
}

/** Hash of all that a container of this host is made from. */
export async function containerDefinition(host: LabHost): Promise<string> {
  return contentHash(JSON.stringify(runArguments(host, await hostImage())));
}

const ensureNetwork = once(async () => {
  if (await dockerHas("network", labName)) return;
  await docker(["network", "create", "--label", `${labLabel}=${labName}`, labName]);
});

/** Makes, remakes or starts the container until it is as defined; says what it did, if anything. */
export async function ensureContainer(host: LabHost): Promise<"created" | "recreated" | "started" | undefined> {
  const definition = await containerDefinition(host);
  const found = await inspectContainer(host.container);
  if (found?.definition === definition) {
    if (found.running) return undefined;
    if (found.status === "paused") await docker(["unpause", host.container]);
    else await startContainer(host, ["start", host.container]);
    return "started";
  }
  const image = await ensureHostImage();
  await ensureNetwork();
  if (found !== undefined) {
    await docker(["stop", "--time", "20", host.container]);
    await docker(["rm", "--force", host.container]);
  }
  for (const volume of Object.keys(host.volumes)) {
    await docker(["volume", "create", "--label", `${labLabel}=${labName}`, volume]);
  }
  const label = `${definitionLabel}=${definition}`;
  await startContainer(host, ["run", "--detach", "--label", label, ...runArguments(host, image)]);
  return found === undefined ? "created" : "recreated";
}

async function startContainer(host: LabHost, args: readonly string[]): Promise<void> {
  try {
    await docker(args);
  } catch (error) {
    if (error instanceof LabError && /address already in use|port is already allocated/.test(error.message)) {
      throw new LabError(
        `${host.name} needs port ${host.port} on 127.0.0.1, which another program holds. Free it, or set ` +
          "UNIDESK_LAB_PORT to the first of three free ports.",
        { cause: error },
      );
    }
    if (
      error instanceof LabError &&
      /unable to apply caps/.test(error.message) &&
      clusterCapabilities(host).length > 0
    ) {
      throw new LabError(
        `${host.name} needs the capability ${clusterCapabilities(host)} for a k3s of your own, and Docker on this ` +
          "machine cannot give it. Unset LAB_K3S for the cluster that the lab builds, or set it to none.",
        { cause: error },
      );
    }
    throw error;
  }
}

/** Waits until the host has booted, its Docker answers and its sshd runs; returns the last look. */
export async function waitForBoot(host: LabHost, paths: readonly string[] = [], timeoutMs = 60_000): Promise<Probe> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const seen = await probe(host, paths).catch(() => undefined);
    if (seen !== undefined && seen.docker !== "" && seen.sshd === "active" && seen.systemd !== "starting") return seen;
    const state = await inspectContainer(host.container);
    if (state === undefined || !state.running) {
      const log = await docker(["logs", "--tail", "20", host.container], { all: true }).catch(() => "");
      throw new LabError(`${host.name} stopped while it booted (container ${state?.status ?? "removed"}). ${log}`);
    }
    if (Date.now() > deadline) {
      throw new LabError(
        `${host.name} did not boot in ${timeoutMs} ms: systemd ${seen?.systemd || "silent"}, sshd ` +
          `${seen?.sshd || "silent"}, Docker ${seen?.docker || "silent"}. Look with: docker exec ${host.container} journalctl -b`,
      );
    }
    await setTimeout(200);
  }
}
