import { createServer, type Server } from "node:net";
import { setTimeout } from "node:timers/promises";
import { LabError } from "./errors.ts";
import { basePort, checkLabName } from "./settings.ts";

/**
 * Runs `work` while no other lab command works on the same ports. The lock is the lab's base port itself: the kernel
 * frees it with the process, however that ends, so there is no stale lock file to judge.
 */
export async function withLabLock<T>(
  work: () => Promise<T>,
  options: { readonly timeoutMs?: number; readonly onWait?: () => void } = {},
): Promise<T> {
  checkLabName();
  const timeoutMs = options.timeoutMs ?? 300_000;
  const deadline = Date.now() + timeoutMs;
  const port = basePort();
  let lock = await tryListen(port);
  if (lock === undefined) options.onWait?.();
  while (lock === undefined) {
    if (Date.now() > deadline) {
      throw new LabError(
        `Another program has held 127.0.0.1:${port}, the lab's lock, for ${timeoutMs} ms. Where it is another ` +
          "`lab up` or `lab down`, wait for it; where it is a foreign program, set UNIDESK_LAB_PORT to free ports.",
      );
    }
    await setTimeout(200);
    lock = await tryListen(port);
  }
  try {
    return await work();
  } finally {
    lock.close();
  }
}

function tryListen(port: number): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => resolve(server.unref()));
  });
}
