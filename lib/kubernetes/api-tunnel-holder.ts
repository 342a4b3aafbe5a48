import { rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { failedLine, openLine } from "../delivery/tunnel-protocol.ts";
import { UserError } from "../errors.ts";
import { forwardFrom, newSocketPath, type Tunnel } from "../ssh/tunnel.ts";
import { type ApiTunnelRoute, apiTunnelSocket } from "./api-tunnel-protocol.ts";

/** An apply may be busy elsewhere for that long between two talks to the API. */
const defaultIdleSeconds = 180;
const lookMs = 5000;

/**
 * Holds the runner's port to an API server in a process of its own, because credential commands end at once while
 * Terraform still talks to the API. The port stays the same while the SSH connection behind it may break: the next
 * connection opens it again. Resolves when everything is gone.
 */
export async function holdApiTunnel(route: ApiTunnelRoute): Promise<void> {
  process.umask(0o177);
  const way = new Way(route);
  const connected = new Set<Socket>();
  const idleMs = (route.idleSeconds ?? defaultIdleSeconds) * 1000;
  let used = Date.now();
  const use = (socket: Socket) => {
    used = Date.now();
    connected.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      used = Date.now();
      connected.delete(socket);
    });
  };
  const api = createServer((client) => {
    use(client);
    void carry(client, way);
  });
  // Whoever connects here wants to know whether the way is open, and opens it by that.
  const control = createServer((asker) => {
    use(asker);
    void answer(asker, way, route, taken);
  });
  if ((await listen(control, apiTunnelSocket(route))) !== undefined) return;
  // It may be free later: the next one who asks starts another holder.
  const taken = await listen(api, { host: "127.0.0.1", port: route.localPort });
  await new Promise<void>((resolve) => {
    const look = setInterval(
      () => {
        if (connected.size === 0 && Date.now() - used > (taken ? 0 : idleMs)) resolve();
      },
      Math.min(lookMs, idleMs),
    );
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.once(signal, () => resolve());
    void look;
  });
  control.close();
  api.close();
  for (const socket of connected) socket.destroy();
  await way.close();
  process.exit();
}

/** The SSH connection, opened when it is needed. */
class Way {
  readonly socketPath = newSocketPath();
  private opened: Promise<Tunnel<unknown>> | undefined;

  constructor(private readonly route: ApiTunnelRoute) {}

  open(): Promise<unknown> {
    this.opened ??= this.connect();
    return this.opened;
  }

  private async connect(): Promise<Tunnel<unknown>> {
    const forget = () => {
      this.opened = undefined;
    };
    try {
      const tunnel = await forwardFrom(this.route.connection, this.route.apiPort, this.socketPath);
      void tunnel.lost.then(forget);
      return tunnel;
    } catch (error) {
      forget();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.opened?.then((tunnel) => tunnel.close()).catch(() => {});
    rmSync(this.socketPath, { force: true });
  }
}

async function carry(client: Socket, way: Way): Promise<void> {
  client.pause();
  try {
    await way.open();
  } catch {
    // The next credential command says why.
    client.destroy();
    return;
  }
  const upstream = connect(way.socketPath);
  client.pipe(upstream).pipe(client);
  upstream.on("error", () => client.destroy());
  upstream.on("close", () => client.destroy());
  client.on("close", () => upstream.destroy());
}

async function answer(
  asker: Socket,
  way: Way,
  { localPort }: ApiTunnelRoute,
  taken: NodeJS.ErrnoException | undefined,
): Promise<void> {
  const line = taken
    ? failedLine(portTaken(localPort, taken))
    : await way.open().then(() => openLine(localPort, { port: localPort }), failedLine);
  asker.end(`${JSON.stringify(line)}\n`);
}

function portTaken(port: number, { code = "" }: NodeJS.ErrnoException): UserError {
  return new UserError({
    what: `the runner's port 127.0.0.1:${port}, which is to lead to the cluster's API, cannot be had`,
    found: code === "EADDRINUSE" ? "another program listens there" : code,
    allowed: "a port that nobody else listens on",
    remedy: `end that program (ss -Hltnp 'sport = :${port}'), or choose another port: UNIDESK_KUBERNETES_PORT=<port>`,
  });
}

/** The error, where it cannot listen. */
function listen(
  server: Server,
  at: string | { readonly host: string; readonly port: number },
): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    server.once("error", resolve);
    server.listen(at, () => resolve(undefined));
  });
}
