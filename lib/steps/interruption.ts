import { UserError } from "../errors.ts";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Turns the first signal to end into an error, so that a step can put things in order; the second one ends it. */
export class Interruption {
  private signal: string | undefined;
  private reject: (error: UserError) => void = () => {};
  private readonly promise = new Promise<never>((_, reject) => {
    this.reject = reject;
  });
  private readonly onSignal = (signal: NodeJS.Signals) => {
    if (this.came) {
      this.dispose();
      process.kill(process.pid, signal);
      return;
    }
    this.signal = signal;
    this.reject(new UserError({ what: `interrupted by ${signal}` }));
  };

  constructor() {
    // Nobody may be waiting when it comes.
    this.promise.catch(() => {});
    // Not `once`: while a signal has a listener, execa's own clean-up leaves the process alive.
    for (const signal of signals) process.on(signal, this.onSignal);
  }

  /** Whether a signal came. */
  get came(): boolean {
    return this.signal !== undefined;
  }

  /** The work's outcome, unless a signal comes first. What the signal does to the work's own children is no news. */
  async during<T>(work: Promise<T>): Promise<T> {
    work.catch(() => {});
    try {
      return await Promise.race([work, this.promise]);
    } catch (error) {
      // A terminal's Ctrl-C ends ssh too, a moment before or after it reaches us.
      await new Promise((resolve) => setTimeout(resolve, 50));
      if (this.came) return this.promise;
      throw error;
    }
  }

  dispose(): void {
    for (const signal of signals) process.removeListener(signal, this.onSignal);
  }
}
