import type { Connection } from "../config/hosts.ts";
import { type Endpoint, forwardFrom, type Tunnel } from "../ssh/tunnel.ts";
import { RegistryClient } from "./client.ts";

/** Runs `use` with a client of the registry on the host's loopback; the way to it is gone afterwards. */
export async function withRegistry<T>(
  host: Connection,
  port: number,
  use: (client: RegistryClient, endpoint: Endpoint) => Promise<T>,
): Promise<T> {
  const tunnel: Tunnel<Endpoint> = await forwardFrom(host, port);
  try {
    return await use(new RegistryClient(tunnel.endpoint, `${host.name} 127.0.0.1:${port}`), tunnel.endpoint);
  } finally {
    await tunnel.close();
  }
}
