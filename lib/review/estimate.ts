import { isEntryOf, type PlacedEntry } from "../history/collect.ts";

export interface Estimate {
  readonly seconds: number | null;
  readonly downtimeSeconds: number | null;
  /** How many finished deployments it was taken from. */
  readonly samples: number;
}

/** One is chance. */
const fewest = 2;
/** Older ones were of another image and other hosts. */
const newest = 20;

/** Median of a service's own deployments in an environment; with fewer than two of them it is unknown. */
export function estimateTime(
  history: readonly PlacedEntry[],
  service: string,
  environment: string,
  host: string,
): Estimate {
  const done = history
    .filter((entry) => isEntryOf({ service, environment, host }, entry) && entry.result === "deployed")
    .slice(0, newest);
  if (done.length < fewest) return { seconds: null, downtimeSeconds: null, samples: done.length };
  return {
    seconds: median(done.map(secondsOf)),
    downtimeSeconds: median(done.flatMap(({ downtimeSeconds }) => downtimeSeconds ?? [])),
    samples: done.length,
  };
}

/** From the beginning of the delivery to the last verdict. */
export function secondsOf({ startedAt, finishedAt, deliverySeconds }: PlacedEntry): number {
  const seconds = (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000 + (deliverySeconds ?? 0);
  return Math.round(Math.max(0, seconds) * 10) / 10;
}

export function median(numbers: readonly number[]): number | null {
  if (numbers.length < fewest) return null;
  const sorted = [...numbers].sort((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const [low = 0, high = 0] =
    sorted.length % 2 === 1 ? [sorted[middle], sorted[middle]] : sorted.slice(middle - 1, middle + 1);
  return Math.round(((low + high) / 2) * 10) / 10;
}
