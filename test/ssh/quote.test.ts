import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { shellCommand, shellQuote } from "../../lib/ssh/quote.ts";

/** Has a real shell take the words apart; a process's arguments end at NUL, so no word can hold one. */
function roundTrip(shell: string, words: readonly string[]): string[] {
  const script = words.map((word) => `printf '%s\\0' ${shellQuote(word)}`).join("\n");
  const { stdout, status } = spawnSync(shell, [], { input: script, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  if (status !== 0) throw new Error(`${shell} ended with ${status}`);
  return stdout.split("\0").slice(0, -1);
}

// Lone surrogates are no text; everything else is.
const anyText = fc.string({ unit: "binary" });
const nastyText = fc.string({ unit: fc.constantFrom(..."'\"\\$`!*?[]{}()<>|&;#~ \t\n\r=-%@^aé") });
const word = fc.oneof(anyText, nastyText).map((text) => text.replaceAll(/\0|\p{Surrogate}/gu, ""));

test.each(["sh", "bash"])("every word comes back from %s as it was", (shell) => {
  fc.assert(
    fc.property(fc.array(word, { minLength: 200, maxLength: 400 }), (words) => {
      expect(roundTrip(shell, words)).toEqual(words);
    }),
    { numRuns: 10 },
  );
});

test("a command line comes back as its arguments", () => {
  const argv = ["printf", "%s\\n", "", "a b", "$HOME", "it's", "*", "-n", "~", "a=b"];
  const { stdout } = spawnSync("sh", ["-c", shellCommand(argv)], { encoding: "utf8" });
  expect(stdout.split("\n").slice(0, -1)).toEqual(argv.slice(2));
});

test.each([
  ["a plain word", "unidesk/frontend:1.0", "unidesk/frontend:1.0"],
  ["nothing", "", "''"],
  ["a quote", "it's", "'it'\\''s'"],
  ["a newline at the end", "a\n", "'a\n'"],
  ["a tilde", "~", "'~'"],
])("%s", (_, text, quoted) => expect(shellQuote(text)).toBe(quoted));
