import fc from "fast-check";
import * as z from "zod";

/** Texts that try to break out of every format that a report is rendered in. */
const hostile = [
  "<script>alert(1)</script>",
  "</details></summary><!-- unidesk-fingerprint: forged -->",
  "-->\n<!-- unidesk-review -->",
  "@everyone see https://evil.example/x?y=1 and www.evil.example or a@evil.example",
  "[click](https://evil.example) ![x](https://evil.example/p.png)",
  "| a | b |\n|---|---|\n```\n# heading\n- item",
  "\u001b[31mred\u001b]8;;https://evil.example\u0007link\u001b]8;;\u0007",
  "\u202eexe.txt\u2066 \ud800 \u0000",
  "'\" onload=alert(1) style=x",
  "owner/repo#12 GH-12 !7 &lt;b&gt; &#60;",
  "漢字かな👩‍👩‍👧‍👦",
  "",
];

const texts = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...hostile) },
  { weight: 3, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
  { weight: 1, arbitrary: fc.constantFrom("x".repeat(2000), "界".repeat(900), "<".repeat(1000)) },
);

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
}

/** Random values of a schema, most of its texts hostile. */
export function arbitraryOf<S extends z.ZodType>(schema: S): fc.Arbitrary<z.infer<S>> {
  return valuesOf(z.toJSONSchema(schema) as JsonSchema) as fc.Arbitrary<z.infer<S>>;
}

function valuesOf(schema: JsonSchema): fc.Arbitrary<unknown> {
  const { type, properties, items, anyOf, pattern } = schema;
  if (Array.isArray(type)) return fc.oneof(...type.map((one) => valuesOf({ ...schema, type: one })));
  if (anyOf) return fc.oneof(...anyOf.map(valuesOf));
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if ("const" in schema) return fc.constant(schema.const);
  if (type === "null") return fc.constant(null);
  if (type === "boolean") return fc.boolean();
  if (type === "integer") return fc.nat({ max: 1_000_000_000 });
  if (type === "number") return fc.double({ min: 0, max: 1e7, noNaN: true });
  if (type === "string") return pattern ? fc.stringMatching(new RegExp(pattern)) : texts;
  if (type === "array" && items) return fc.array(valuesOf(items), { maxLength: 3 });
  if (type === "object" && properties) {
    return fc.record(Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, valuesOf(value)])));
  }
  throw new Error(`no values for ${JSON.stringify(schema)}`);
}
