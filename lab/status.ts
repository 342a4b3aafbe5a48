import { labName } from "../tools/paths.mjs";
import { inspectContainer } from "./docker.ts";
import { containerDefinition } from "./host-container.ts";
import { clusterPrograms, clusterState } from "./kubernetes.ts";
import { probe } from "./probe.ts";
import { hostParts, isCurrent } from "./provision.ts";
import { type HostName, hostNames, type LabHost, labHost } from "./settings.ts";

export interface HostStatus {
  readonly host: HostName;
  readonly up: boolean;
  readonly port: number;
  /** State of the container in the outer Docker, or `absent`. */
  readonly container: string;
  readonly systemd: string;
  readonly failedUnits: readonly string[];
  readonly docker: string;
  /** `Ready`, what d601's cluster lacks, or why there is none; empty on the other host. */
  readonly cluster: string;
  /** `stale` where `up` would change the host, `unknown` where it cannot be looked into. */
  readonly definition: "current" | "stale" | "unknown";
  /** What `up` would do again. */
  readonly stale: readonly string[];
}

export interface LabStatus {
  readonly lab: string;
  /** Every host is up, and so is the cluster of d601 where it has one. */
  readonly up: boolean;
  readonly hosts: readonly HostStatus[];
}

export async function labStatus(): Promise<LabStatus> {
  const hosts = await Promise.all(hostNames.map(labHost).map(hostStatus));
  return { lab: labName, up: hosts.every((host) => host.up && !host.stale.includes("cluster")), hosts };
}

async function hostStatus(host: LabHost): Promise<HostStatus> {
  const found = await inspectContainer(host.container);
  const base = { host: host.name, port: host.port, container: found?.status ?? "absent" };
  const silent = { ...base, up: false, systemd: "", failedUnits: [], docker: "", cluster: "", stale: [] };
  if (!found?.running) return { ...silent, definition: "unknown" };
  // The client key is missing where somebody removed the lab's folder; `up` makes a new one.
  const parts = await hostParts(host).catch(() => undefined);
  const paths = parts?.flatMap((part) => part.paths) ?? [];
  const seen = await probe(host, paths).catch(() => undefined);
  if (seen === undefined) return { ...silent, definition: "unknown" };
  const stale = found.definition === (await containerDefinition(host)) ? [] : ["container"];
  if (parts === undefined) stale.push("access");
  for (const part of parts ?? []) if (!(await isCurrent(part, seen))) stale.push(part.name);
  const cluster = await clusterOf(host);
  return {
    ...base,
    up: seen.sshd === "active" && seen.docker !== "" && !stale.includes("cluster"),
    systemd: seen.systemd,
    failedUnits: seen.failedUnits,
    docker: seen.docker,
    cluster,
    definition: stale.length > 0 ? "stale" : "current",
    stale,
  };
}

async function clusterOf(host: LabHost): Promise<string> {
  if (host.name !== "d601") return "";
  const programs = await clusterPrograms();
  return "missing" in programs ? `none (${programs.missing})` : await clusterState(host);
}

/** The status as a table for people. */
export function renderStatus(status: LabStatus): string {
  const rows = [
    ["HOST", "STATE", "PORT", "SYSTEMD", "DOCKER", "CLUSTER", "DEFINITION"],
    ...status.hosts.map((host) => [
      host.host,
      host.up ? "up" : `down (${host.container})`,
      String(host.port),
      withReasons(host.systemd || "-", host.failedUnits),
      host.docker || "-",
      host.cluster || "-",
      withReasons(host.definition, host.stale),
    ]),
  ];
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(width(column) + 2))
        .join("")
        .trimEnd(),
    )
    .join("\n");
}

function withReasons(word: string, reasons: readonly string[]): string {
  return reasons.length > 0 ? `${word} (${reasons.join(", ")})` : word;
}
