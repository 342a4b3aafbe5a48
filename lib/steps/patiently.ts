import pRetry from "p-retry";
import { InfraBlockedError } from "../errors.ts";

/**
 * One node: its API is away for a moment whenever k3s restarts, and slow where everything starts at once. Whoever began
 * something waits for a minute; whoever has not begun yet may say that nothing was done.
 *
 * @param seconds How long the API may be silent before nobody asks any more.
 * @param isEnough Whether the answer that failed is the last one to wait for. Default: until the time is over.
 */
export function patiently<T>(ask: () => Promise<T>, seconds = 60, isEnough = () => false): Promise<T> {
  return pRetry(ask, {
    retries: Number.POSITIVE_INFINITY,
    maxRetryTime: seconds * 1000,
    factor: 1,
    minTimeout: 1000,
    shouldRetry: ({ error }) => error instanceof InfraBlockedError && !isEnough(),
  });
}

/** Asks once more where there was no answer: enough for a host that is busy for a moment, and soon over where it is down. */
export function onceMore<T>(ask: () => Promise<T>): Promise<T> {
  let asked = 0;
  const count = () => {
    asked += 1;
    return ask();
  };
  // Longer than a look may take.
  return patiently(count, 120, () => asked > 1);
}
