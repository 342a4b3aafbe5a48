import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { execa } from "execa";
import type { Connection } from "../config/hosts.ts";
import { InfraBlockedError, UserError } from "../errors.ts";
import { keepAlive, silenceSeconds } from "./lifeline.ts";
import { requireMoreThanObserving } from "./observing.ts";
import { runtimeDir, sshOptions } from "./options.ts";
import { shellCommand } from "./quote.ts";
import { lastLines, unreachable } from "./run.ts";

/** Something that accepts connections on the runner: a unix socket, or a loopback port. */
export type Endpoint = { readonly socketPath: string } | { readonly port: number };

export interface Tunnel<T> {
  readonly endpoint: T;
  /** Settles where the way breaks by itself; never rejects, and stays pending after `close`. */
  readonly lost: Promise<InfraBlockedError>;
  close(): Promise<void>;
}

/** Below this level ssh says neither which port it got nor that the host forbids it. */
const sayWhy = ["-o", "LogLevel=INFO"];

/** The way to the runner itself cannot break. */
const never = new Promise<never>(() => {});

/** A new socket in the private folder. */
export function newSocketPath(): string {
  return join(runtimeDir(), `t-${randomBytes(6).toString("hex")}`);
}

/**
 * Makes a loopback port of the host reachable at the runner, as a unix socket in a private folder.
 * The connection ends with this process, however that ends: its remote command reads our pipe.
 */
export async function forwardFrom(
  host: Connection,
  port: number,
  socketPath = newSocketPath(),
): Promise<Tunnel<Endpoint>> {
  if (host.kind === "local") return { endpoint: { port }, lost: never, close: async () => {} };
  const connection = await openForward(host, ["-L", `${socketPath}:127.0.0.1:${port}`, ...sayWhy]);
  return {
    endpoint: { socketPath },
    lost: connection.lost,
    close: async () => {
      await connection.close();
      rmSync(socketPath, { force: true });
    },
  };
}

/**
 * Makes an endpoint of the runner reachable on the host's loopback, on a port that its sshd picks.
 * The port is gone when the tunnel closes or this process ends.
 */
export async function forwardTo(host: Connection, endpoint: Endpoint): Promise<Tunnel<{ readonly port: number }>> {
  if (host.kind === "local") return serveLocally(endpoint);
  const target = "socketPath" in endpoint ? endpoint.socketPath : `127.0.0.1:${endpoint.port}`;
  const connection = await openForward(host, ["-R", `127.0.0.1:0:${target}`, ...sayWhy]);
  const port = Number(/Allocated port (\d+) for remote forward/.exec(connection.log())?.[1]);
  if (!Number.isInteger(port)) {
    await connection.close();
    throw new UserError({
      what: `${host.name}: sshd did not say which port it picked for the tunnel`,
      found: lastLines(connection.log()) || "no message",
      remedy: "allow TCP forwarding in the host's sshd_config (AllowTcpForwarding yes or remote)",
    });
  }
  return { endpoint: { port }, lost: connection.lost, close: connection.close };
}

interface ForwardConnection {
  log(): string;
  readonly lost: Promise<InfraBlockedError>;
  close(): Promise<void>;
}

/**
 * Ends with our pipe. When the network is cut nobody closes that pipe, and sshd would keep the port for hours:
 * after silence the command ends the sshd that serves this one connection.
 */
const remoteCommand = `exec ${shellCommand([
  "bash",
  "-c",
  `echo ready
code=0
while [ $code -eq 0 ]; do IFS= read -r -t ${silenceSeconds} _; code=$?; done
[ $code -le 128 ] || case $(cat /proc/$PPID/comm) in sshd*) kill $PPID ;; esac`,
])}`;

/** A connection of its own: a forward on the shared one would outlive us. */
async function openForward(host: Connection, forward: readonly string[]): Promise<ForwardConnection> {
  requireMoreThanObserving(host, "open a tunnel");
  // ssh keeps the first value of an option, so the forward's own options come first.
  const args = [
    ...forward,
    "-o",
    "ExitOnForwardFailure=yes",
    "-o",
    "StreamLocalBindUnlink=yes",
    "-o",
    "ControlPath=none",
  ];
  const child = execa("ssh", [...args, ...sshOptions(host), "--", host.address, remoteCommand], {
    reject: false,
    stdin: "pipe",
    buffer: false,
  });
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-8192);
    // Nothing will ever pass. From the other end it looks like a service that is down.
    if (isForbidden(log)) child.kill();
  });
  const ready = await firstOutput(child.stdout, child, 20_000);
  const lifeline = keepAlive(child.stdin);
  let closing = false;
  const close = async () => {
    closing = true;
    lifeline.end();
    const killer = setTimeout(() => child.kill("SIGKILL"), 2000);
    await child;
    clearTimeout(killer);
  };
  if (!ready) {
    await close();
    throw isForbidden(log) ? forbidden(host, log) : unreachable(host, log);
  }
  const lost = new Promise<InfraBlockedError>((resolve) => {
    void child.then(() => {
      if (!closing) resolve(isForbidden(log) ? forbidden(host, log) : broken(host, log));
    });
  });
  return { log: () => log, lost, close };
}

function isForbidden(log: string): boolean {
  return /remote port forwarding failed|administratively prohibited/.test(log);
}

function forbidden(host: Connection, log: string): InfraBlockedError {
  return new InfraBlockedError(
    {
      what: `${host.name}: sshd at ${host.address}:${host.port} lets this user in and forbids the tunnel`,
      found: lastLines(log, 2),
      allowed: "AllowTcpForwarding yes, and neither PermitOpen, PermitListen nor a key's options against it",
      remedy: `correct sshd_config of ${host.name} (AllowTcpForwarding, AllowStreamLocalForwarding; also in a Match block), then systemctl reload ssh`,
    },
    [`${host.name}:ssh-forwarding`],
  );
}

function broken(host: Connection, log: string): InfraBlockedError {
  return new InfraBlockedError(
    {
      what: `${host.name}: the SSH connection to ${host.address}:${host.port} broke while the tunnel was in use`,
      found: lastLines(log, 2) || "ssh ended without a message",
      remedy: "check the network and the host, then apply again: what already arrived is kept",
    },
    [`${host.name}:ssh`],
  );
}

/** Resolves to true at the first output, to false when the process ends or the time is over. */
function firstOutput(output: Readable, ended: PromiseLike<unknown>, milliseconds: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), milliseconds);
    const done = (value: boolean) => {
      clearTimeout(timer);
      resolve(value);
    };
    output.once("data", () => done(true));
    void ended.then(() => done(false));
  });
}

/** The same for a host that is the runner itself. */
async function serveLocally(endpoint: Endpoint): Promise<Tunnel<{ readonly port: number }>> {
  if ("port" in endpoint) return { endpoint, lost: never, close: async () => {} };
  const server = createServer((client) => {
    const upstream = connect(endpoint.socketPath);
    client.pipe(upstream).pipe(client);
    client.on("error", () => upstream.destroy());
    upstream.on("error", () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server without a port");
  return {
    endpoint: { port: address.port },
    lost: never,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
