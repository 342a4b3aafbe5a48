import type { HostName } from "../config/hosts.ts";
import type { Environment } from "../config/values.ts";
import { HistoryEntry } from "./entry.ts";

/** A history line and the host it lies on. */
export interface PlacedEntry extends HistoryEntry {
  readonly host: HostName;
}

export interface CollectedHistory {
  /** Newest first. */
  readonly entries: readonly PlacedEntry[];
  /** Lines that are no history entries. */
  readonly skipped: number;
}

/** The entries in a host's lines. What is not one is counted: a host's text is never trusted. */
export function collectEntries(host: HostName, lines: readonly string[]): CollectedHistory {
  const entries: PlacedEntry[] = [];
  let skipped = 0;
  for (const line of lines.filter((one) => one.trim() !== "")) {
    const entry = parseEntry(line);
    if (entry) entries.push({ ...entry, host });
    else skipped++;
  }
  return { entries: newestFirst(entries), skipped };
}

export function newestFirst(entries: readonly PlacedEntry[]): PlacedEntry[] {
  return [...entries].sort((one, other) => Date.parse(other.finishedAt) - Date.parse(one.finishedAt));
}

/** Environment that a stack's name says; undefined for a stack that is of none. */
export function environmentOfStack(stack: string): Environment | undefined {
  const match = /^unidesk-(?:(prod|dev)-|supervised-.*-(prod|dev)$)/.exec(stack);
  return (match?.[1] ?? match?.[2]) as Environment | undefined;
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

/** Without anything that moves a terminal's cursor, hides text or turns its direction. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "?").slice(0, 500);
}
