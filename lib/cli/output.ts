import { Listr } from "listr2";
import colors from "picocolors";
import { printable } from "../printable.ts";
import { renderTable } from "./table.ts";

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** `key   value` lines, aligned. Keys and values may be somebody else's: only a mark keeps its colour. */
export function printFields(fields: Readonly<Record<string, string>>): void {
  const shown = Object.entries(fields).map(
    ([key, value]) => [whole(key), isMark(value) ? value : whole(value)] as const,
  );
  const width = Math.max(...shown.map(([key]) => key.length));
  for (const [key, value] of shown) print(`${key.padEnd(width)}  ${value}`);
}

/** Somebody else's text on one line, at its full length. */
export function whole(text: string): string {
  return printable(text, Number.POSITIVE_INFINITY);
}

function isMark(text: string): boolean {
  return text === mark(true) || text === mark(false);
}

/** A table without lines that fits the terminal; the last column wraps. Widths are of the other columns. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  print(
    renderTable(
      head.map((title) => colors.dim(title)),
      rows,
      process.stdout.columns ?? 80,
    ),
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
