import { deployKeySuffixes } from "../catalog/index.ts";
import { parseEnvLine } from "./env-file.ts";

/**
 * Shell functions that look at an env file as `set_env_keys` writes it; no foreign value leaves the host.
 *
 * deploy_keys FILE: every definition of a deploy key as KEY=VALUE. One of several lines is none of ours.
 *
 * secret_lengths FILE KEY...: "<key> <length of its value>", 0 where it is missing.
 */
export const envFileLookFunctions = String.raw`
deploy_keys() {
  LC_ALL=C awk '
    ${parseEnvLine}
    open != "" { if (!stays_open($0, open)) open = ""; next }
    definition($0) && open == "" && key ~ /^UNIDESK_[A-Z0-9_]+_DEPLOY_${deployKeySuffixes}$/ { sub(/\r$/, "", rest); print key "=" rest }
  ' "$1"
}
secret_lengths() {
  local file=$1
  shift
  LC_ALL=C awk -v keys="$*" '
    ${parseEnvLine}
    # Of a value without its quotes and without a comment.
    function length_of_value(text,    quote) {
      quote = substr(text, 1, 1)
      if (quote == "\"" || quote == "\047") {
        text = substr(text, 2)
        while (match(text, /\\./) && quote == "\"" && RSTART < index(text, quote)) text = substr(text, 1, RSTART - 1) "xx" substr(text, RSTART + 2)
        return index(text, quote) - 1
      }
      sub(/\r$/, "", text)
      sub(/(^|[ \t]+)#.*$/, "", text)
      sub(/[ \t]+$/, "", text)
      return length(text)
    }
    BEGIN { count = split(keys, wanted, " "); for (i = 1; i <= count; i++) found[wanted[i]] = 0 }
    open != "" {
      value = value "\n" $0
      if (stays_open($0, open)) next
      open = ""
      if (key in found) found[key] = length_of_value(value)
      next
    }
    definition($0) {
      value = rest
      if (open == "" && key in found) found[key] = length_of_value(value)
    }
    END { for (i = 1; i <= count; i++) print wanted[i], found[wanted[i]] }
  ' "$file"
}
`;
