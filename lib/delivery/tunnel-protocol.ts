import { createHash } from "node:crypto";
import { join } from "node:path";
import * as z from "zod";
import type { Connection } from "../config/hosts.ts";
import { InfraBlockedError, messageOf, UserError } from "../errors.ts";
import { controlPath, runtimeDir } from "../ssh/options.ts";
import type { Endpoint } from "../ssh/tunnel.ts";

/** Word of the bundle's command line that makes it a holder. */
export const holderCommand = "tunnel-holder";

/** From a registry to a target, by way of the runner. */
export interface TunnelRoute {
  /** The registry's host, and its port there. */
  readonly registry: Connection;
  readonly port: number;
  readonly target: Connection;
}

const Problem = z.object({
  what: z.string(),
  found: z.string().optional(),
  allowed: z.string().optional(),
  remedy: z.string().optional(),
});

/** One JSON line from the holder to a user. The first says how opening ended, a second one that the way broke. */
export const HolderLine = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("open"),
    /** Port on the target's loopback. */
    port: z.int(),
    /** The registry at the runner. */
    endpoint: z.union([z.object({ socketPath: z.string() }), z.object({ port: z.int() })]),
  }),
  z.object({ kind: z.literal("failed"), problem: Problem, missingChannels: z.array(z.string()).optional() }),
]);
export type HolderLine = z.infer<typeof HolderLine>;

export function openLine(port: number, endpoint: Endpoint): HolderLine {
  return { kind: "open", port, endpoint };
}

export function failedLine(error: unknown): HolderLine {
  if (error instanceof InfraBlockedError) {
    return { kind: "failed", problem: error.problem, missingChannels: [...error.missingChannels] };
  }
  return { kind: "failed", problem: error instanceof UserError ? error.problem : { what: messageOf(error) } };
}

export function errorOf(line: Extract<HolderLine, { kind: "failed" }>): UserError {
  const problem = Object.fromEntries(Object.entries(line.problem).filter(([, text]) => text !== undefined));
  const restored = { what: line.problem.what, ...problem };
  return line.missingChannels ? new InfraBlockedError(restored, line.missingChannels) : new UserError(restored);
}

/**
 * Where a route's holder listens. Like a shared connection it is joined without looking at host keys
 * again, so the name covers them and the logins.
 */
export function holderSocket({ registry, port, target }: TunnelRoute): string {
  const of = (host: Connection) => (host.kind === "local" ? "local" : controlPath(host));
  const identity = JSON.stringify(["v1", of(registry), port, of(target)]);
  return join(runtimeDir(), `h-${createHash("sha256").update(identity).digest("hex").slice(0, 16)}`);
}
