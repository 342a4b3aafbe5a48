import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.lab.test.ts"],
          testTimeout: 20_000,
          // The same text everywhere: some libraries colour it wherever CI is set.
          env: { NO_COLOR: "1" },
        },
      },
      {
        // Everything that touches a host. One file at a time: they share the lab's hosts.
        test: {
          name: "lab",
          include: ["test/**/*.lab.test.ts"],
          globalSetup: ["test/lab-setup.ts"],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
