import * as z from "zod";

/** Names and ports of the artifact registry. The defaults are the operators' documented ones. */
export const RegistrySettings = z.strictObject({
  image: z
    .string()
    .regex(/^[a-z0-9./_:-]+(:(?!latest$)[\w.-]+|@sha256:[0-9a-f]{64})$/, {
      error: 'must name a version: "registry:2.8.3" or "registry@sha256:…"',
    })
    .default("registry:2.8.3"),
  address: z
    .string()
    .regex(/^127\.0\.0\.1$/, {
      error: "must be 127.0.0.1: the registry is bound to D601's loopback and never opened to a network",
    })
    .default("127.0.0.1"),
  port: z.int().min(1).max(65_535).default(5000),
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]*$/, { error: "must be lowercase words joined by dashes" })
    .default("unidesk-artifact-registry")
    .describe("Name of the systemd unit, the Compose project and the container"),
});
export type RegistrySettings = z.infer<typeof RegistrySettings>;
