import type { Connection } from "../config/hosts.ts";
import { RegistryClient } from "../registry/client.ts";
import { withRegistry } from "../registry/open.ts";
import { forwardTo } from "../ssh/tunnel.ts";
import { joinTunnel } from "./shared-tunnel.ts";

/** The registry as one delivery sees it. */
export interface DeliveryRoute {
  readonly client: RegistryClient;
  /** The registry's port on the target's loopback. */
  readonly port: number;
  /** Aborts when the way breaks; its reason is the error to show. */
  readonly lost: AbortSignal;
}

/**
 * Runs `use` with the registry reachable from the target. Deliveries to the same target share one tunnel;
 * on the registry's own host there is none, and to the runner itself only the registry's half.
 */
export async function withDeliveryRoute<T>(
  registry: Connection,
  port: number,
  target: Connection,
  use: (route: DeliveryRoute) => Promise<T>,
): Promise<T> {
  const unbreakable = new AbortController().signal;
  if (registry.name === target.name) {
    return withRegistry(registry, port, (client) => use({ client, port, lost: unbreakable }));
  }
  if (target.kind === "local") {
    return withRegistry(registry, port, async (client, endpoint) => {
      const local = await forwardTo(target, endpoint);
      try {
        return await use({ client, port: local.endpoint.port, lost: unbreakable });
      } finally {
        await local.close();
      }
    });
  }
  const tunnel = await joinTunnel({ registry, port, target });
  try {
    const client = new RegistryClient(tunnel.endpoint, `${registry.name} 127.0.0.1:${port}`);
    return await use({ client, port: tunnel.port, lost: tunnel.lost });
  } finally {
    await tunnel.close();
  }
}
