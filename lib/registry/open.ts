import { setTimeout as sleep } from "node:timers/promises";
import type { Connection } from "../config/hosts.ts";
import { InfraBlockedError } from "../errors.ts";
import { type Endpoint, forwardFrom, type Tunnel } from "../ssh/tunnel.ts";
import { RegistryClient } from "./client.ts";
import { forwardRegistryReads } from "./observing.ts";

/** Runs `use` with a client of the registry on the host's loopback; the way to it is gone afterwards. */
export async function withRegistry<T>(
  host: Connection,
  port: number,
  use: (client: RegistryClient, endpoint: Endpoint) => Promise<T>,
): Promise<T> {
  const tunnel: Tunnel<Endpoint> =
    host.access === "observe" ? await forwardRegistryReads(host, port) : await forwardFrom(host, port);
  try {
    return await use(new RegistryClient(tunnel.endpoint, `${host.name} 127.0.0.1:${port}`), tunnel.endpoint);
  } catch (error) {
    if (!(error instanceof InfraBlockedError)) throw error;
    // A registry without an answer may be a way that is gone: that comes out a moment later.
    throw (await Promise.race([tunnel.lost, sleep(200)])) ?? error;
  } finally {
    await tunnel.close();
  }
}
