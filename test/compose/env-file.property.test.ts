import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { setEnvKeysFunction } from "../../lib/compose/env-file.ts";
import { bash, tempFolder, write } from "../support.ts";

/** Sets the keys in every file of the arguments, in one bash. */
const script = `${setEnvKeysFunction}
wanted=$1
shift
for file in "$@"; do printf '%s' "$wanted" | set_env_keys "$file" || exit 1; done`;

const wanted = "KEY=new value\nKEY_DIGEST=sha256:a=b#c\n";
const values = new Map([
  ["KEY", "new value"],
  ["KEY_DIGEST", "sha256:a=b#c"],
]);

// JavaScript's trimStart() takes a \r away as well: a line that begins with one is left alone, and ours comes after it.
const withoutBlanks = (text: string) => text.replace(/^[ \t]+/, "");

/** The model: which of our keys a line defines, told by hand instead of by awk. */
function keyOf(line: string): string | undefined {
  const text = withoutBlanks(line);
  const [first = "", ...rest] = text.split(/[ \t]+/);
  const definition = first === "export" && rest.length > 0 ? withoutBlanks(text.slice(6)) : text;
  return [...values.keys()].find(
    (key) => definition.startsWith(key) && /^[ \t]*[=:]/.test(definition.slice(key.length)),
  );
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

const bytes = fc
  .uint8Array({ maxLength: 40 })
  .map((array) => Buffer.from(array.filter((byte) => byte !== 0x0a && byte !== 0)).toString("latin1"));
// A value that opens with a quote and goes on over lines is the business of env-file.test.ts.
const opensNoQuote = (text: string) => !/[=:][ \t]*["']/.test(text);
const alphabet = fc.constantFrom(..."KEY_DIGST=: \t#'\"\\$&\r\x80\xff", "KEY", "KEY_DIGEST", "export ");
const line = fc
  .oneof(
    bytes,
    fc.array(alphabet, { maxLength: 8 }).map((parts) => parts.join("")),
  )
  .filter(opensNoQuote);
const file = fc.record({ lines: fc.array(line, { maxLength: 12 }), finalNewline: fc.boolean() });

// Hundreds of processes: their time is the machine's.
test("lines that are not ours keep their bytes and their order; ours say what was wanted, each at least once", {
  timeout: 90_000,
}, () => {
  fc.assert(
    fc.property(fc.array(file, { minLength: 20, maxLength: 30 }), (files) => {
      const folder = tempFolder();
      const texts = files.map(({ lines, finalNewline }) => lines.join("\n") + (finalNewline ? "\n" : ""));
      const paths = texts.map((text, index) => write(folder, `${index}.env`, Buffer.from(text, "latin1")));
      expect(bash(script, [wanted, ...paths])).toMatchObject({ exitCode: 0, stderr: "" });
      texts.forEach((text, index) => {
        const before = linesOf(text);
        const after = linesOf(readFileSync(paths[index] ?? "", "latin1"));
        expect(after.filter((one) => !keyOf(one))).toEqual(before.filter((one) => !keyOf(one)));
        for (const [key, value] of values) {
          const set = after.filter((one) => keyOf(one) === key);
          expect(set.length).toBe(Math.max(1, before.filter((one) => keyOf(one) === key).length));
          for (const one of set) expect(one.replace(/\r$/, "")).toMatch(new RegExp(`(^|[ \\t])${key}=${value}$`));
        }
      });
      const again = bash(script, [wanted, ...paths]);
      expect(again.stdout.toString()).toBe("unchanged\n".repeat(paths.length));
    }),
    {
      numRuns: 4,
      examples: [[[{ lines: ["\rKEY_DIGEST="], finalNewline: false }]]],
    },
  );
});
