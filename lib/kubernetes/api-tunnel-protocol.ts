import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Connection } from "../config/hosts.ts";
import { controlPath, runtimeDir } from "../ssh/options.ts";

/** Word of the bundle's command line that makes it the holder of a tunnel to an API server. */
export const apiTunnelCommand = "kubernetes-tunnel";

/** From a port of the runner's loopback to one of a host's. */
export interface ApiTunnelRoute {
  readonly connection: Connection;
  /** Port of the API server on the host's loopback. */
  readonly apiPort: number;
  /** Port on the runner's loopback that leads there. */
  readonly localPort: number;
  /** How long the tunnel stays without a connection and without anybody who asks for it, in seconds. @default 180 */
  readonly idleSeconds?: number;
}

/**
 * Where a route's holder listens for those who want it open. It is joined without looking at host keys again, so the
 * name covers them and the login.
 */
export function apiTunnelSocket({ connection, apiPort, localPort }: ApiTunnelRoute): string {
  const identity = JSON.stringify(["v1", controlPath(connection), apiPort, localPort]);
  return join(runtimeDir(), `k-${createHash("sha256").update(identity).digest("hex").slice(0, 16)}`);
}
