import { Listr } from "listr2";

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
