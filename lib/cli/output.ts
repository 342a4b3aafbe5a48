import { stripVTControlCharacters } from "node:util";
import Table from "cli-table3";
import { Listr } from "listr2";
import colors from "picocolors";

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** `key   value` lines, aligned. */
export function printFields(fields: Readonly<Record<string, string>>): void {
  const width = Math.max(...Object.keys(fields).map((key) => key.length));
  for (const [key, value] of Object.entries(fields)) print(`${key.padEnd(width)}  ${value}`);
}

/** A table without lines that fits the terminal; the last column wraps. Widths are of the other columns. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const visible = (text: string) => stripVTControlCharacters(text).length;
  const widths = head.slice(0, -1).map((title, column) => {
    return Math.max(title.length, ...rows.map((row) => visible(row[column] ?? ""))) + 2;
  });
  const rest = Math.max(20, (process.stdout.columns ?? 80) - widths.reduce((sum, width) => sum + width, 0) - 1);
  const table = new Table({
    head: head.map((title) => colors.dim(title)),
    colWidths: [...widths, rest],
    wordWrap: true,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 2 },
    chars: Object.fromEntries(
      [
        "top",
        "top-mid",
        "top-left",
        "top-right",
        "bottom",
        "bottom-mid",
        "bottom-left",
        "bottom-right",
        "left",
        "left-mid",
        "mid",
        "mid-mid",
        "right",
        "right-mid",
        "middle",
      ].map((part) => [part, ""]),
    ),
  });
  // The library cuts a word that is longer than its column; a path that is cut helps nobody.
  const longWord = new RegExp(`\\S{${rest - 2}}(?=\\S)`, "g");
  table.push(...rows.map((row) => [...row.slice(0, -1), (row.at(-1) ?? "").replaceAll(longWord, "$&\n")]));
  print(
    table
      .toString()
      .split("\n")
      .map((line) => line.trimEnd())
      .join("\n"),
  );
}

/** `ok` green, anything else red; the word stays readable without colours. */
export function mark(ok: boolean, word = ok ? "ok" : "no"): string {
  return ok ? colors.green(word) : colors.red(word);
}

/** Runs work that may take longer than a second and shows on a terminal what it does; quiet otherwise. */
export async function withProgress<T>(title: string, work: (say: (line: string) => void) => Promise<T>): Promise<T> {
  let result: T | undefined;
  const tasks = new Listr(
    [
      {
        title,
        task: async (_, task) => {
          result = await work((line) => {
            task.output = line;
          });
        },
        rendererOptions: { outputBar: 3 },
      },
    ],
    { renderer: process.stdout.isTTY ? "default" : "silent" },
  );
  await tasks.run();
  return result as T;
}
