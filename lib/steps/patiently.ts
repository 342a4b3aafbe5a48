import { setTimeout as sleep } from "node:timers/promises";
import { InfraBlockedError } from "../errors.ts";

/**
 * One node: its API is away for a moment whenever k3s restarts, and slow where everything starts at once. Whoever began
 * something waits for a minute; whoever has not begun yet may say that nothing was done.
 *
 * @param seconds How long the API may be silent before nobody asks any more.
 * @param isEnough Whether the answer that failed is the last one to wait for. Default: until the time is over.
 */
export async function patiently<T>(ask: () => Promise<T>, seconds = 60, isEnough = () => false): Promise<T> {
  const until = Date.now() + seconds * 1000;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof InfraBlockedError) || Date.now() >= until || isEnough()) throw error;
      await sleep(1000);
    }
  }
}
