import type { CatalogEntry } from "./types.ts";

/** Every consumer, one entry a service. */
export const services: readonly CatalogEntry[] = [
  {
    service: "frontend",
    consumers: {
      prod: {
        runtime: {
          kind: "compose",
          host: "main-server",
          composeService: "frontend",
          container: "unidesk-frontend",
          stableImage: "unidesk-frontend",
          health: { port: 8080 },
        },
      },
    },
  },
  {
    service: "code-queue",
    consumers: {
      prod: {
        decision: "unsupported",
        reason:
          "production code-queue has no artifact consumer; its scheduler, runner and tasks are never deployed from here",
      },
    },
  },
];
