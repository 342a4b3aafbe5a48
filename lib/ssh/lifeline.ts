import type { Writable } from "node:stream";

/** Time between two lines. */
const beatMs = 5000;

/**
 * A remote command that reads no line for this long may take the runner for gone: a cut network closes
 * nothing at the host's end.
 */
export const silenceSeconds = 20;

/** Keeps a command's standard input open with a line every few seconds, until `end`. */
export function keepAlive(input: Writable): { end(): void } {
  const beat = setInterval(() => input.write("\n"), beatMs);
  // The command may end between a line's writing and its reading.
  input.on("error", () => {});
  input.on("close", () => clearInterval(beat));
  return {
    end: () => {
      clearInterval(beat);
      input.end();
    },
  };
}
