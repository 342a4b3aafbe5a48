import colors from "picocolors";
import { shortCommit } from "../config/values.ts";
import type { PlacedEntry } from "./collect.ts";

const head = ["time (UTC)", "service", "commit←from", "result", "s", "bytes", "operator"];

/** Longest text of each column but the last, which takes what is left of the line. */
const widest = [11, 15, 15, 14, 5, 6];

/** One line an entry, no wider than the terminal; `--json` has everything. */
export function historyTable(entries: readonly PlacedEntry[], width: number): string {
  const rows = entries.map(rowOf);
  const widths = widest.map((most, column) =>
    Math.min(most, Math.max(...[head, ...rows].map((row) => (row[column] ?? "").length))),
  );
  const last = Math.max(8, width - widths.reduce((sum, one) => sum + one + 1, 0));
  const line = (row: readonly string[], paint: (cell: string, column: number) => string) =>
    [...widths, last]
      .map((most, column) => paint(fitted(row[column] ?? "", most, column), column))
      .join(" ")
      .trimEnd();
  return [
    line(head, (cell) => colors.dim(cell)),
    ...rows.map((row, index) => line(row, (cell, column) => (column === 3 ? paintResult(cell, entries[index]) : cell))),
  ].join("\n");
}

function rowOf(entry: PlacedEntry): string[] {
  const { commit, previousCommit, finishedAt, startedAt, bytes } = entry;
  const seconds = Math.round((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000) + (entry.deliverySeconds ?? 0);
  return [
    new Date(finishedAt).toISOString().slice(5, 16).replace("T", " "),
    entry.service,
    previousCommit ? `${shortCommit(commit)}←${shortCommit(previousCommit)}` : shortCommit(commit),
    entry.result,
    String(Math.round(seconds)),
    bytes === null || bytes === undefined ? "" : sizeOf(bytes),
    entry.operator,
  ];
}

function fitted(text: string, width: number, column: number): string {
  const cut = text.length > width ? `${text.slice(0, width - 1)}…` : text;
  return column === 4 || column === 5 ? cut.padStart(width) : cut.padEnd(width);
}

function paintResult(cell: string, entry: PlacedEntry | undefined): string {
  if (entry?.result === "deployed") return colors.green(cell);
  return entry?.result === "retired" ? cell : colors.red(cell);
}

/** `1.5 MB`, in powers of 1000. */
export function sizeOf(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1000 ** power;
  return `${power > 0 && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[power]}`;
}
