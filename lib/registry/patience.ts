import pRetry from "p-retry";
import { InfraBlockedError } from "../errors.ts";

/** How long a registry that does not answer may just be restarting, in seconds; a restart takes 4. */
const restartSeconds = 10;

/**
 * Looks again while the registry does not answer: somebody's prune restarts it twice. What it answers is an answer,
 * also a refusal. Ends with the last failure.
 */
export function bridgeRestart<T>(look: () => Promise<T>, seconds = restartSeconds): Promise<T> {
  return pRetry(look, {
    retries: Number.POSITIVE_INFINITY,
    maxRetryTime: seconds * 1000,
    factor: 1.5,
    minTimeout: 200,
    maxTimeout: 2000,
    shouldRetry: ({ error }) => error instanceof InfraBlockedError,
  });
}
