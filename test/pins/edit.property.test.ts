import fc from "fast-check";
import { expect, test } from "vitest";
import { DeployFile, type PinEntry } from "../../lib/config/deploy-file.ts";
import { parseJson } from "../../lib/config/json-file.ts";
import { editPins } from "../../lib/pins/edit.ts";

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });
const entry = fc.record(
  {
    commit: hex(40),
    digest: hex(64).map((text) => `sha256:${text}`),
    rollback: fc.constantFrom("rolls back", 'says "no": {,}', "größer ☃"),
  },
  { requiredKeys: ["commit"] },
) as unknown as fc.Arbitrary<PinEntry>;
const services = ["backend-core", "frontend", "mdtodo", "claudeqq"];
const pins = fc.dictionary(fc.constantFrom(...services), entry, { noNullPrototype: true });
const file = fc
  .record({ prod: pins, dev: pins }, { requiredKeys: [] })
  .map((environments) => ({ version: 1, environments }));

/** Any white space between any two tokens, drawn anew for each. */
const wild = fc.array(fc.constantFrom("", " ", "\n", "\r\n", "\t", "  \n  "), { minLength: 1, maxLength: 40 });
const usual = fc.constantFrom<string | number | undefined>(undefined, 2, 4, "\t");

function layOut(value: unknown, gaps: readonly string[]): string {
  let drawn = 0;
  const gap = () => gaps[drawn++ % gaps.length];
  const render = (one: unknown): string => {
    if (typeof one !== "object" || one === null) return JSON.stringify(one);
    const inside = Object.entries(one).map(
      ([key, field]) => `${gap()}${JSON.stringify(key)}${gap()}:${gap()}${render(field)}${gap()}`,
    );
    return `{${inside.length > 0 ? inside.join(",") : gap()}}`;
  };
  return `${gap()}${render(value)}${gap()}`;
}

const texts = fc.oneof(
  fc.tuple(file, wild).map(([value, gaps]) => ({ value, text: layOut(value, gaps) })),
  fc.tuple(file, usual, fc.constantFrom("\n", "\r\n"), fc.boolean()).map(([value, indent, end, last]) => ({
    value,
    text: JSON.stringify(value, null, indent).replaceAll("\n", end) + (last ? end : ""),
  })),
);

test("an edit reads as it was meant and changes the bytes of its pin alone", () => {
  fc.assert(
    fc.property(
      texts,
      fc.constantFrom("prod", "dev"),
      fc.constantFrom(...services),
      entry,
      ({ value, text }, environment, service, wanted) => {
        const edited = editPins(text, [{ environment: environment as "prod" | "dev", service, entry: wanted }]);
        const expected = structuredClone(value) as { environments: Record<string, Record<string, unknown>> };
        expected.environments[environment] = { ...expected.environments[environment], [service]: wanted };
        expect(parseJson(edited, "edited", DeployFile)).toEqual(expected);
        // Everything but the pin is in both texts, in one piece before it and one behind it.
        let head = 0;
        while (head < text.length && text[head] === edited[head]) head++;
        let tail = 0;
        while (tail < text.length - head && text.at(-1 - tail) === edited.at(-1 - tail)) tail++;
        const touched = text.slice(head, text.length - tail);
        const old = (value.environments as Record<string, Record<string, PinEntry>>)[environment]?.[service];
        if (!old) expect(touched.trim()).toBe("");
        else expect(touched.length).toBeLessThanOrEqual(pinLength(text, environment, service));
        for (const other of services)
          if (other !== service) expect(count(edited, `"${other}"`)).toBe(count(text, `"${other}"`));
        expect(editPins(edited, [{ environment: environment as "prod" | "dev", service, entry: wanted }])).toBe(edited);
      },
    ),
    { numRuns: 500 },
  );
});

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}

/** From the pin's opening brace to its closing one; no text in it has a brace of its own outside quotes. */
function pinLength(text: string, environment: string, service: string): number {
  const at = text.indexOf(`"${service}"`, text.indexOf(`"${environment}"`));
  const open = text.indexOf("{", at);
  let quoted = false;
  for (let index = open; index < text.length; index++) {
    if (text[index] === '"' && text[index - 1] !== "\\") quoted = !quoted;
    if (text[index] === "}" && !quoted) return index - open + 1;
  }
  return 0;
}
