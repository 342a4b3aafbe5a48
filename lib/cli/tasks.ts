import { Listr } from "listr2";

export interface Task<T> {
  readonly title: string;
  readonly work: (say: (line: string) => void) => Promise<T>;
}

/**
 * Runs tasks, so many at a time, and shows on a terminal what each of them does; quiet otherwise. A failing one does
 * not stop the others. Results come in the order of the tasks.
 */
export async function runTasks<T>(tasks: readonly Task<T>[], concurrent: number): Promise<PromiseSettledResult<T>[]> {
  const results: PromiseSettledResult<T>[] = [];
  const list = new Listr(
    tasks.map(({ title, work }, index) => ({
      title,
      task: async (_, task) => {
        try {
          const value = await work((line) => {
            task.output = line;
          });
          results[index] = { status: "fulfilled", value };
        } catch (reason) {
          results[index] = { status: "rejected", reason };
          throw reason;
        }
      },
      rendererOptions: { outputBar: 1 },
    })),
    {
      concurrent,
      exitOnError: false,
      renderer: process.stdout.isTTY ? "default" : "silent",
      // What failed is told by the caller, once and at the end.
      rendererOptions: { showErrorMessage: false, collapseErrors: false },
    },
  );
  await list.run();
  return results;
}
