import { UserError } from "../errors.ts";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Turns the first signal to end into an error, so that a step can put things in order; the second one ends it. */
export class Interruption {
  private signal: string | undefined;
  private readonly promise: Promise<never>;
  private readonly dispose_: () => void;

  constructor() {
    const { promise, reject } = Promise.withResolvers<never>();
    this.promise = promise;
    // Nobody may be waiting when it comes.
    promise.catch(() => {});
    const onSignal = (signal: string) => {
      this.signal = signal;
      this.dispose();
      reject(new UserError({ what: `interrupted by ${signal}` }));
    };
    for (const signal of signals) process.once(signal, onSignal);
    this.dispose_ = () => {
      for (const signal of signals) process.removeListener(signal, onSignal);
    };
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
    this.dispose_();
  }
}
