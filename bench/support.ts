import type { Site } from "../lib/config/site.ts";

export interface BenchContext {
  /** The site of the checkout: the lab, unless UNIDESK_HOSTS names another. */
  readonly site: Site;
  say(line: string): void;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Name, then minimum, median and maximum in seconds. */
export function row(name: string, values: readonly number[]): string {
  const figures = [Math.min(...values), median(values), Math.max(...values)].map((value) => value.toFixed(3));
  return `${name.padEnd(28)} min ${figures[0]} s  median ${figures[1]} s  max ${figures[2]} s`;
}
