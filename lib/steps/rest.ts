/** Milliseconds to wait before the next look. */
export function restMs(lookMs: number): number {
  return Math.min(Math.max(lookMs, 500), 3000);
}

/**
 * Waits before the next look, as long as the last one took: where many services start at once looks are slow, and who
 * waits must not be what slows them down.
 *
 * @param began When the last look began, in milliseconds as by `Date.now()`.
 */
export async function restAfter(began: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, restMs(Date.now() - began)));
}
