import { join } from "node:path";
import { labDir, labName } from "../tools/paths.mjs";
import { LabError } from "./errors.ts";

export const hostNames = ["d601", "main-server"] as const;
export type HostName = (typeof hostNames)[number];

/** Names and places of one host, all derived from the lab's name and base port. */
export interface LabHost {
  readonly name: HostName;
  readonly container: string;
  /** Port on 127.0.0.1 behind which the host's sshd listens. */
  readonly port: number;
  /** Volume name to mount point: what survives when the container is made anew. */
  readonly volumes: Readonly<Record<string, string>>;
  /** Folder on the runner with the host's public keys. */
  readonly dir: string;
}

export const labLabel = "dev.unidesk.lab";
export const definitionLabel = "dev.unidesk.lab.definition";
export const labRoot = import.meta.dirname;
export const identityFile = join(labDir, "id_ed25519");
/** Private key of the lab's approver; no host knows it. */
export const approverFile = join(labDir, "approver_ed25519");

/** Parses a host name given by a person. */
export function parseHostName(text: string): HostName {
  const name = hostNames.find((candidate) => candidate === text);
  if (name === undefined) {
    throw new LabError(`Unknown lab host "${text}". Allowed: ${hostNames.join(", ")}.`, { exitCode: 2 });
  }
  return name;
}

/** First port of the lab: itself the lock, followed by one port for each host. */
export function basePort(text = process.env.UNIDESK_LAB_PORT ?? "22600"): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1024 || port > 65535 - hostNames.length) {
    throw new LabError(
      `UNIDESK_LAB_PORT is "${text}". Allowed: a whole number from 1024 to ${65535 - hostNames.length}; ` +
        "unset it for the default 22600.",
      { exitCode: 2 },
    );
  }
  return port;
}

/** The name becomes part of a folder that `down` removes, so nothing but a plain name may pass. */
export function checkLabName(): void {
  if (!/^[a-z0-9][a-z0-9-]{0,40}$/.test(labName)) {
    throw new LabError(
      `UNIDESK_LAB is "${labName}". Allowed: up to 41 lower-case letters, digits and dashes, as in "unidesk-lab-2".`,
      { exitCode: 2 },
    );
  }
}

export function labHost(name: HostName): LabHost {
  checkLabName();
  const container = `${labName}-${name}`;
  return {
    name,
    container,
    port: basePort() + 1 + hostNames.indexOf(name),
    volumes: {
      [`${container}-docker`]: "/var/lib/docker",
      [`${container}-home`]: "/home",
      [`${container}-identity`]: "/var/lib/unidesk-lab",
      // Kubernetes' containerd cannot keep its snapshots on the overlay file system of a container either.
      [`${container}-rancher`]: "/var/lib/rancher",
    },
    dir: join(labDir, name),
  };
}
