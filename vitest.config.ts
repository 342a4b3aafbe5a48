import { defineConfig } from "vitest/config";
import { LongFirst } from "./test/lab-order.ts";

/** One file at a time in each lab, because they share its hosts. */
function lab(name: string, groupOrder: number) {
  return {
    test: {
      name,
      include: [`test/**/*.${name}.test.ts`],
      globalSetup: ["test/lab-setup.ts"],
      setupFiles: ["test/lab-worker.ts"],
      maxWorkers: Number(process.env.UNIDESK_TEST_LABS ?? 1),
      sequence: { groupOrder },
      env: { NO_COLOR: "1" },
      testTimeout: 400_000,
      hookTimeout: 400_000,
    },
  };
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongFirst },
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.{lab,long,browser}.test.ts"],
          testTimeout: 20_000,
          // The same text everywhere: some libraries colour it wherever CI is set.
          env: { NO_COLOR: "1" },
        },
      },
      {
        // What only a browser can tell.
        test: { name: "browser", include: ["test/**/*.browser.test.ts"], testTimeout: 60_000, hookTimeout: 60_000 },
      },
      // Everything that touches a host.
      lab("lab", 1),
      // Whole stacks with every service, over and over: a quarter of an hour of its own.
      lab("long", 2),
    ],
  },
});
