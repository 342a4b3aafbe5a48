import { rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import pLimit from "p-limit";
import type { Connection } from "../config/hosts.ts";
import { mustRun } from "../ssh/script.ts";
import { newSocketPath, type Tunnel } from "../ssh/tunnel.ts";
import { manifestTypes } from "./client.ts";

/** sshd allows 10 sessions of one connection (MaxSessions); a look may be under way beside these. */
const sessions = 6;

/** Larger than any manifest or configuration that the client takes. */
const maxBytes = 6 * 1024 * 1024;

/**
 * GET of one path of the registry on the host's loopback, whole answer as base64. Arguments: the path, and `-` or a range of
 * bytes. An observing key has no tunnel, because whoever reaches the registry can push to it.
 */
export function registryGetScript(port: number): string {
  return `
set -u -o pipefail
[[ $1 =~ ^/v2/[A-Za-z0-9._:/?=\\&%-]*$ ]] || { echo "this is no path of a registry: $1" >&2; exit 2; }
[[ $2 =~ ^(-|bytes=-?[0-9]{1,19}(-[0-9]{0,19})?)$ ]] || { echo "this is no range: $2" >&2; exit 2; }
range=()
[ "$2" = - ] || range=(-H "Range: $2")
curl -sS -i --raw --path-as-is --noproxy '*' --max-time 20 -H ${accept} -H 'Connection: close' "\${range[@]}" "http://127.0.0.1:${port}$1" | head -c ${maxBytes} | base64 -w0
`;
}

const accept = `'Accept: ${manifestTypes.join(", ")}'`;

/** A socket of the runner that answers GET requests with what the host's registry says, by way of the look's own SSH. */
export async function forwardRegistryReads(
  host: Connection,
  port: number,
): Promise<Tunnel<{ readonly socketPath: string }>> {
  const limit = pLimit(sessions);
  const socketPath = newSocketPath();
  const script = registryGetScript(port);
  const server = createServer((client) => {
    client.on("error", () => client.destroy());
    void requestOf(client)
      .then(([path, range]) => limit(() => mustRun(host, `read ${path} of the registry`, script, [path, range])))
      .then((answer) => client.end(Buffer.from(answer, "base64")))
      .catch((error: Error) => client.destroy(error));
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(socketPath, resolve));
  return {
    endpoint: { socketPath },
    lost: new Promise(() => {}),
    close: async () => {
      await new Promise((resolve) => server.close(resolve));
      rmSync(socketPath, { force: true });
    },
  };
}

/** Path and range of the one request that a connection of our own client brings. */
async function requestOf(client: Socket): Promise<[path: string, range: string]> {
  let head = "";
  for await (const chunk of client.iterator({ destroyOnReturn: false })) {
    head += (chunk as Buffer).toString("latin1");
    if (head.includes("\r\n\r\n") || head.length > 16_384) break;
  }
  const path = /^GET (\S+) HTTP\/1\.1\r\n/.exec(head)?.[1];
  if (path === undefined) throw new Error(`an observing key reads the registry by GET alone: ${head.slice(0, 40)}`);
  return [path, /^range: *(\S+)\r$/im.exec(head)?.[1] ?? "-"];
}
