/**
 * What a template of kubectl printed as JSON, with Go's `%q` for its texts. That quotes as JSON does but for four escapes,
 * which JSON does not know: `\a`, `\v`, `\x7f` and `\U0001f600`.
 */
export function parseGoJson(text: string): unknown {
  return JSON.parse(
    text.replaceAll(/\\(?:x([0-9a-f]{2})|U([0-9a-f]{8})|.)/g, (found, byte?: string, long?: string) => {
      if (byte) return `\\u00${byte}`;
      if (long) return String.fromCodePoint(Number.parseInt(long, 16));
      if (found === "\\a") return "\\u0007";
      return found === "\\v" ? "\\u000b" : found;
    }),
  );
}
