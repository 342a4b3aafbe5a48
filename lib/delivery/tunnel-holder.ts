import { rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Endpoint, forwardFrom, forwardTo, newSocketPath, type Tunnel } from "../ssh/tunnel.ts";
import { failedLine, type HolderLine, holderSocket, openLine, type TunnelRoute } from "./tunnel-protocol.ts";

/** A holder that nobody has joined by then was started by a delivery that died. */
const unusedMs = 3000;

/** For closing both SSH connections: the holder does not outlive its users by much more. */
const lastWordMs = 1500;

/**
 * Holds one tunnel for all deliveries on the same route, in a process of its own: a delivery may end, or be
 * killed, while another still pulls. Every user holds one connection to the control socket; with the
 * last of them, however it ended, the tunnel closes at once. Resolves when everything is gone.
 */
export async function holdTunnel(route: TunnelRoute): Promise<void> {
  process.umask(0o177);
  const socketPath = newSocketPath();
  const users = new Set<Socket>();
  /** Users, and whoever was the last of them and waits for the end. */
  const connected = new Set<Socket>();
  let said: HolderLine | undefined;
  let finish = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const server = await listen(holderSocket(route), (user) => {
    users.add(user);
    connected.add(user);
    if (said) send(user, said);
    const leave = () => {
      if (!users.delete(user)) return;
      // Whoever is last hears the end only when the tunnel is gone.
      if (users.size > 0) user.end();
      else finish();
    };
    user.on("error", leave).on("end", leave).resume();
    user.on("close", () => {
      connected.delete(user);
      leave();
    });
  });
  if (!server) return;
  const tell = (line: HolderLine) => {
    said = line;
    for (const user of users) send(user, line);
  };
  const unused = setTimeout(() => {
    if (users.size === 0) finish();
  }, unusedMs);
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.once(signal, () => finish());
  const opened = openRoute(route, socketPath);
  opened.then(
    ({ registry, target }) => {
      tell(openLine(target.endpoint.port, registry.endpoint));
      void Promise.race([registry.lost, target.lost]).then((error) => {
        tell(failedLine(error));
        finish();
      });
    },
    (error) => {
      tell(failedLine(error));
      finish();
    },
  );
  await finished;
  clearTimeout(unused);
  // From here on a new user finds no socket and starts another holder.
  server.close();
  // A connection that is still being opened ends by itself: its remote command reads our pipe.
  await Promise.race([opened.then(close, () => {}), sleep(lastWordMs)]);
  rmSync(socketPath, { force: true });
  for (const user of connected) user.end();
  setTimeout(() => process.exit(), lastWordMs / 3).unref();
}

interface OpenRoute {
  readonly registry: Tunnel<Endpoint>;
  readonly target: Tunnel<{ readonly port: number }>;
}

/** Both connections at once: the second needs only the name of the first one's socket. */
async function openRoute({ registry, port, target }: TunnelRoute, socketPath: string): Promise<OpenRoute> {
  const between = registry.kind === "local" ? { port } : { socketPath };
  const [from, to] = await Promise.allSettled([forwardFrom(registry, port, socketPath), forwardTo(target, between)]);
  if (from.status === "fulfilled" && to.status === "fulfilled") return { registry: from.value, target: to.value };
  await Promise.all([from, to].map((one) => (one.status === "fulfilled" ? one.value.close() : undefined)));
  throw from.status === "rejected" ? from.reason : (to as PromiseRejectedResult).reason;
}

async function close({ registry, target }: OpenRoute): Promise<void> {
  await Promise.all([registry.close(), target.close()]);
}

/** Undefined where another holder of the route was faster. */
function listen(path: string, onUser: (user: Socket) => void): Promise<Server | undefined> {
  const server = createServer({ allowHalfOpen: true }, onUser);
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(undefined) : reject(error),
    );
    server.listen(path, () => resolve(server));
  });
}

function send(user: Socket, line: HolderLine): void {
  user.write(`${JSON.stringify(line)}\n`);
}
