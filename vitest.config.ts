import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.lab.test.ts", "test/**/*.browser.test.ts"],
          testTimeout: 20_000,
          // The same text everywhere: some libraries colour it wherever CI is set.
          env: { NO_COLOR: "1" },
        },
      },
      {
        // What only a browser can tell.
        test: { name: "browser", include: ["test/**/*.browser.test.ts"], testTimeout: 60_000, hookTimeout: 60_000 },
      },
      {
        // Everything that touches a host. One file at a time: they share the lab's hosts.
        test: {
          name: "lab",
          include: ["test/**/*.lab.test.ts"],
          globalSetup: ["test/lab-setup.ts"],
          fileParallelism: false,
          env: { NO_COLOR: "1" },
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
