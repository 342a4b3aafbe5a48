import { hostSecretFunctions } from "../host-secret.ts";
import type { AuthSyncSpec } from "./target.ts";

/** Larger than any config.json that a person writes. */
const maxBytes = 1_048_576;

/**
 * Shell functions about `.auth` of a config.json.
 *
 * auth_fields FILE FIELD...: one line a field: `<field> string <JSON literal>`, `<field> empty`, `<field> absent` or
 * `<field> other`. The rest of the file is not printed. jq need not be there: grep cuts JSON into tokens, one a
 * line, and awk checks their order. Of a key that is there twice the last one counts, as JSON parsers have it.
 *
 * auth_hmac: HMAC of such lines on standard input, by this host's key. Undecoded literals are hashed: another notation of
 * the same text counts as a change, which a sync then finds to be none.
 */
export const authSourceFunctions = String.raw`${hostSecretFunctions}
auth_fields() {
  local file=$1 size
  shift
  size=$(stat -L -c %s -- "$file" 2>/dev/null) || { echo "$file is not there" >&2; return 1; }
  [ -f "$file" ] && [ -r "$file" ] || { echo "$file cannot be read" >&2; return 1; }
  [ "$size" -le ${maxBytes} ] || { echo "$file is larger than ${maxBytes} bytes" >&2; return 1; }
  head -c ${maxBytes} -- "$file" | LC_ALL=C grep -aoE '"([^"\\]|\\.)*"|[][{}:,]|[^][{}:,"[:space:]]+|"' | LC_ALL=C awk -v fields="$*" '
    function invalid() { bad = 1; exit }
    function closed() { depth--; state = depth > 0 ? "after" : "done" }
    BEGIN { state = "value"; depth = 0 }
    state == "done" { invalid() }
    state == "colon" { if ($0 != ":") invalid(); state = "value"; next }
    state == "after" {
      if ($0 == ",") state = kind[depth] == "{" ? "key" : "value"
      else if ($0 == (kind[depth] == "{" ? "}" : "]")) closed()
      else invalid()
      next
    }
    state == "key" || state == "first-key" {
      if ($0 == "}" && state == "first-key") { closed(); next }
      if ($0 !~ /^".*"$/) invalid()
      key[depth] = $0
      state = "colon"
      next
    }
    $0 == "]" && state == "first-value" { closed(); next }
    {
      if (depth == 1 && kind[1] == "{" && key[1] == "\"auth\"") split("", found)
      if (depth == 2 && kind[1] == "{" && kind[2] == "{" && key[1] == "\"auth\"")
        found[key[2]] = $0 == "\"\"" ? "empty" : /^"/ ? "string " $0 : "other"
      if ($0 == "{" || $0 == "[") {
        kind[++depth] = $0
        state = $0 == "{" ? "first-key" : "first-value"
        next
      }
      if ($0 !~ /^(".*"|true|false|null|-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?)$/) invalid()
      state = depth > 0 ? "after" : "done"
    }
    END {
      if (bad || state != "done") exit 3
      count = split(fields, names, " ")
      for (i = 1; i <= count; i++) {
        quoted = "\"" names[i] "\""
        print names[i], quoted in found ? found[quoted] : "absent"
      }
    }
  ' || { echo "$file is not valid JSON" >&2; return 1; }
}
auth_hmac() { { echo "unidesk auth source"; cat; } | keyed_hash; }
`;

/**
 * The HMAC on the first line, then the fields as auth_fields prints them. Both are of one reading of the file.
 * Arguments: config.json, then the fields.
 */
export const readAuthScript = `set -u
umask 077
${authSourceFunctions}
fields=$(auth_fields "$@") || exit 1
printf '%s\\n' "$fields" | auth_hmac || exit 1
printf '%s\\n' "$fields"
`;

/** What a person has to know about a field that is no text; never a value. */
export function fieldProblem(field: string, kind: string): string | undefined {
  if (kind === "string") return undefined;
  const words: Record<string, string> = { absent: "is absent", empty: "is empty" };
  return `field ${field} ${words[kind] ?? "is not a string"}`;
}

/** Every field that a sync reads, once. */
export function authFields({ secret, configMap }: AuthSyncSpec["sync"]): string[] {
  return [...new Set([...Object.keys(secret.keys), ...Object.keys(configMap.keys)])].sort();
}
