import type { ObservedK3s } from "../observe/k3s.ts";

/**
 * How long a service gave no answer while it was looked at again and again: from the look that found a Service of it
 * without a ready endpoint to the one that found them all with one. As fine as the looks are close, about a second.
 */
export class Outage {
  private total = 0;
  private since: number | undefined;

  /** @param at Milliseconds of one clock. A look without an answer of the cluster says nothing. */
  seen({ cluster }: ObservedK3s, at: number): void {
    if (!cluster) return;
    const down = Object.values(cluster.workloads).some(({ service }) => (service?.readyEndpoints ?? 0) === 0);
    if (down) {
      this.since ??= at;
    } else if (this.since !== undefined) {
      this.total += at - this.since;
      this.since = undefined;
    }
  }

  /** Undefined while it lasts. */
  get seconds(): number | undefined {
    return this.since === undefined ? Math.round(this.total / 100) / 10 : undefined;
  }
}
