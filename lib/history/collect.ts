import type { HostName } from "../config/hosts.ts";
import type { Environment } from "../config/values.ts";
import { printable } from "../printable.ts";
import { HistoryEntry } from "./entry.ts";

/** A history line and the host it lies on. */
export interface PlacedEntry extends HistoryEntry {
  readonly host: HostName;
}

export interface CollectedHistory {
  /** Newest first. */
  readonly entries: readonly PlacedEntry[];
  /** Lines that are no history entries, as the host has them. */
  readonly unread: readonly string[];
}

/** The entries in a host's lines. What is not one is put aside: a host's text is never trusted. */
export function collectEntries(host: HostName, lines: readonly string[]): CollectedHistory {
  const entries: PlacedEntry[] = [];
  const unread: string[] = [];
  for (const line of lines.filter((one) => one.trim() !== "")) {
    const entry = parseEntry(line);
    if (entry) entries.push({ ...entry, host });
    else unread.push(line);
  }
  return { entries: newestFirst(entries), unread };
}

export function newestFirst(entries: readonly PlacedEntry[]): PlacedEntry[] {
  return [...entries].sort((one, other) => Date.parse(other.finishedAt) - Date.parse(one.finishedAt));
}

/** Environment that a stack's name says; undefined for a stack that is of none. */
export function environmentOfStack(stack: string): Environment | undefined {
  const match = /^unidesk-(?:(prod|dev)-|supervised-.*-(prod|dev)$)/.exec(stack);
  return (match?.[1] ?? match?.[2]) as Environment | undefined;
}

/** Where a service runs: entries of its other environments and hosts are another's. */
export interface Place {
  readonly service: string;
  readonly environment: string;
  readonly host: string;
}

export function isEntryOf({ service, environment, host }: Place, entry: PlacedEntry): boolean {
  return entry.service === service && entry.host === host && environmentOfStack(entry.stack) === environment;
}

export function isSamePlace(one: Place, other: Place): boolean {
  return one.service === other.service && one.environment === other.environment && one.host === other.host;
}

function parseEntry(line: string): HistoryEntry | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line, (_, field) => (typeof field === "string" ? printable(field) : field));
  } catch {
    return undefined;
  }
  const { data } = HistoryEntry.safeParse(value);
  if (!data || Number.isNaN(Date.parse(data.startedAt)) || Number.isNaN(Date.parse(data.finishedAt))) return undefined;
  return data;
}
