import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { errorOf, HolderLine } from "../delivery/tunnel-protocol.ts";
import { InfraBlockedError, UserError } from "../errors.ts";
import { withLock } from "../ssh/lock.ts";
import { lastLines } from "../ssh/run.ts";
import { stepVariables } from "../steps/environment.ts";
import { type ApiTunnelRoute, apiTunnelCommand, apiTunnelSocket } from "./api-tunnel-protocol.ts";

/** Longer than opening an SSH connection takes at most. */
const openMs = 25_000;
/** On a busy runner; with both connects still less than a lock of `withLock` lasts. */
const startMs = 30_000;
const connectMs = 10_000;
const attempts = 3;

/**
 * Makes sure that the runner's port leads to the host's API server, for as long as it is used. Any number of processes
 * may ask for the same tunnel at once: the first starts the process that holds it.
 */
export async function ensureApiTunnel(route: ApiTunnelRoute): Promise<void> {
  if (route.connection.kind === "local") return;
  const path = apiTunnelSocket(route);
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    if (!(await ask(path, 0))) await startHolder(route, path);
    const line = await ask(path, openMs);
    if (line === "silent") break;
    if (line?.kind === "failed") throw errorOf(line);
    if (line) return;
    // The holder was just leaving, or was killed.
  }
  throw new InfraBlockedError(
    {
      what: `${route.connection.name}: the tunnel to the cluster's API did not open`,
      found: `no answer of its holder on the runner, ${attempts} times or for ${openMs / 1000} s`,
      remedy: "look at the runner's memory and processes, and at the network, then try again",
    },
    [`${route.connection.name}:kubernetes`],
  );
}

type Answer = HolderLine | "silent" | undefined;

/** What the holder says of the way; undefined where there is none. With no time to wait, only whether there is one. */
function ask(path: string, waitMs: number): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let text = "";
    const timer = setTimeout(() => end("silent"), waitMs || connectMs);
    const end = (answer: Answer) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => {
      if (waitMs === 0) end("silent");
    });
    socket.on("data", (chunk) => {
      text += chunk;
      if (text.endsWith("\n")) end(HolderLine.safeParse(JSON.parse(text)).data);
    });
    socket.once("error", () => end(undefined));
    socket.once("close", () => end(undefined));
  });
}

/** One process at a time starts a holder; the others find it. */
async function startHolder(route: ApiTunnelRoute, path: string): Promise<void> {
  await withLock(`${path}.lock`, async () => {
    if (await ask(path, 0)) return;
    // A killed holder leaves its socket behind.
    rmSync(path, { force: true });
    const holder = spawn(process.execPath, [process.argv[1] ?? "", apiTunnelCommand], {
      // Neither Ctrl-C nor the end of Terraform's process group reaches it.
      detached: true,
      stdio: ["ignore", "ignore", "pipe"],
      cwd: "/",
      env: { ...process.env, [stepVariables.tunnel]: JSON.stringify(route) },
    });
    let errors = "";
    let exit: string | undefined;
    holder.stderr.on("data", (chunk: Buffer) => {
      errors += chunk.toString();
    });
    holder.once("error", ({ message }) => {
      exit = message;
    });
    holder.once("exit", (code, signal) => {
      exit = `exit ${code ?? signal}`;
    });
    try {
      const deadline = Date.now() + startMs;
      while (exit === undefined && Date.now() < deadline) {
        if (await ask(path, 0)) return;
        await sleep(10);
      }
    } finally {
      holder.stderr.destroy();
      holder.unref();
    }
    throw new UserError({
      what: "the holder of the tunnel to the cluster's API did not start on the runner",
      found: lastLines(errors) || exit || `no answer within ${startMs / 1000} s`,
      remedy: `look at the runner: its processes, and whether ${path} can be made`,
    });
  });
}
