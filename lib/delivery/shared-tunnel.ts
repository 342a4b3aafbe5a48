import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { InfraBlockedError, UserError } from "../errors.ts";
import { withLock } from "../ssh/lock.ts";
import { lastLines } from "../ssh/run.ts";
import type { Endpoint } from "../ssh/tunnel.ts";
import { stepVariables } from "../steps/environment.ts";
import { errorOf, HolderLine, holderCommand, holderSocket, type TunnelRoute } from "./tunnel-protocol.ts";

/** Longer than opening both SSH connections takes at most. */
const openMs = 45_000;
/** On a busy runner; still less than a lock of `withLock` lasts. */
const startMs = 30_000;

export interface SharedTunnel {
  /** Port of the registry on the target's loopback. */
  readonly port: number;
  /** The registry at the runner, through the same tunnel. */
  readonly endpoint: Endpoint;
  /** Aborts when the way breaks; its reason is the error to show. */
  readonly lost: AbortSignal;
  /** Leaves; resolves when the tunnel is gone, or at once where others still use it. */
  close(): Promise<void>;
}

/** Joins the tunnel of the route, and starts its holder where there is none. */
export async function joinTunnel(route: TunnelRoute): Promise<SharedTunnel> {
  const path = holderSocket(route);
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const socket = (await tryConnect(path)) ?? (await startHolder(route, path));
    const lines = new HolderLines(socket);
    const first = await lines.next(openMs);
    if (first?.kind === "failed") {
      socket.destroy();
      throw errorOf(first);
    }
    if (first) return joined(path, socket, first, lines);
    // The holder was just leaving, or was killed: the next attempt starts another.
    socket.destroy();
  }
  throw new InfraBlockedError(
    {
      what: `the tunnel from ${route.registry.name} to ${route.target.name} could not be joined`,
      found: "its holder ended five times before it answered",
      remedy: "look at the runner's memory and processes, then apply again",
    },
    [`${route.target.name}:tunnel`],
  );
}

function joined(
  path: string,
  socket: Socket,
  opened: Extract<HolderLine, { kind: "open" }>,
  lines: HolderLines,
): SharedTunnel {
  const lost = new AbortController();
  let closing = false;
  const ended = new Promise<void>((resolve) => socket.once("close", resolve));
  let tidied = Promise.resolve();
  void lines.next().then((line) => {
    if (closing) return;
    if (!line) tidied = tidyUp(path, opened.endpoint);
    lost.abort(line?.kind === "failed" ? errorOf(line) : holderLost());
  });
  return {
    port: opened.port,
    endpoint: opened.endpoint,
    lost: lost.signal,
    close: async () => {
      closing = true;
      socket.end();
      await Promise.race([Promise.all([ended, tidied]), sleep(3000, undefined, { ref: false })]);
      socket.destroy();
    },
  };
}

/** A killed holder cannot remove its sockets itself. */
async function tidyUp(path: string, endpoint: Endpoint): Promise<void> {
  if ("socketPath" in endpoint) rmSync(endpoint.socketPath, { force: true });
  await withLock(`${path}.lock`, async () => {
    if (!(await isHeld(path))) rmSync(path, { force: true });
  });
}

/** For a moment after its holder was killed a socket still takes connections, and then hangs up. */
async function isHeld(path: string): Promise<boolean> {
  const socket = await tryConnect(path);
  if (!socket) return false;
  const hungUp = new Promise<boolean>((resolve) => {
    for (const event of ["end", "error", "close"]) socket.once(event, () => resolve(false));
  });
  socket.resume();
  const held = await Promise.race([hungUp, sleep(200, true)]);
  socket.destroy();
  return held;
}

function holderLost(): InfraBlockedError {
  return new InfraBlockedError(
    {
      what: "the tunnel's holder on the runner ended while the tunnel was in use",
      found: "no message: it was killed",
      remedy: "apply again: what already arrived is kept",
    },
    ["runner:tunnel"],
  );
}

/** The holder's lines one by one; undefined where there comes none any more. */
class HolderLines {
  private readonly lines: AsyncIterator<string>;

  constructor(private readonly socket: Socket) {
    socket.on("error", () => {});
    this.lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  }

  async next(milliseconds?: number): Promise<HolderLine | undefined> {
    const timer = milliseconds === undefined ? undefined : setTimeout(() => this.socket.destroy(), milliseconds);
    try {
      const { value, done } = await this.lines.next();
      return done ? undefined : HolderLine.parse(JSON.parse(value));
    } catch {
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Undefined where nobody listens, also where a killed holder left its socket. */
function tryConnect(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ path, allowHalfOpen: true });
    socket.once("connect", () => resolve(socket));
    socket.once("error", () => resolve(undefined));
  });
}

/** One user at a time starts a holder; the others find it. */
async function startHolder(route: TunnelRoute, path: string): Promise<Socket> {
  return withLock(`${path}.lock`, async () => {
    const running = await tryConnect(path);
    if (running) return running;
    rmSync(path, { force: true });
    // A session of its own: neither Ctrl-C nor the end of a delivery's process group reaches it.
    const holder = spawn(process.execPath, [process.argv[1] ?? "", holderCommand], {
      detached: true,
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, [stepVariables.tunnel]: JSON.stringify(route) },
    });
    let errors = "";
    holder.stderr.on("data", (chunk: Buffer) => {
      errors += chunk.toString();
    });
    let exit: string | undefined;
    holder.once("error", ({ message }) => {
      exit = message;
    });
    holder.once("exit", (code, signal) => {
      exit = `exit ${code ?? signal}`;
    });
    try {
      const deadline = Date.now() + startMs;
      while (exit === undefined && Date.now() < deadline) {
        const socket = await tryConnect(path);
        if (socket) return socket;
        await sleep(10);
      }
    } finally {
      holder.stderr.destroy();
      holder.unref();
    }
    throw new UserError({
      what: "the holder of the tunnel did not start on the runner",
      found: lastLines(errors) || exit || `no answer within ${startMs / 1000} s`,
      remedy: `look at the runner: its processes, and whether ${path} can be made`,
    });
  });
}
