import { createHash } from "node:crypto";
import type { Connection } from "../config/hosts.ts";
import { exitCodes, UserError } from "../errors.ts";
import { controlPath } from "../ssh/options.ts";

/** Below the ports that systems hand out by themselves, and below those of Kubernetes' NodePorts. */
const firstPort = 24_000;
const ports = 6_000;

/** Environment variable for a runner where the port belongs to another program. */
export const localPortVariable = "UNIDESK_KUBERNETES_PORT";

/**
 * Port on the runner's loopback that leads to a host's API server, known without a look at anything: the same in all
 * stacks and processes of one user, another one for another user, host, login or pinned key.
 */
export function localPortOf(connection: Connection, apiPort: number, chosen = ""): number {
  if (connection.kind === "local") return apiPort;
  if (chosen !== "") return checked(chosen);
  const hash = createHash("sha256")
    .update(JSON.stringify([controlPath(connection), apiPort]))
    .digest();
  return firstPort + (hash.readUInt32BE(0) % ports);
}

function checked(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1024 && port <= 65_535) return port;
  throw new UserError(
    {
      what: `${localPortVariable} is no port`,
      found: text,
      allowed: "a number from 1024 to 65535",
      remedy: `unset ${localPortVariable}, or name a port that is free on 127.0.0.1`,
    },
    exitCodes.usage,
  );
}
