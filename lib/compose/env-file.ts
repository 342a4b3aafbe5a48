/** awk: what one line of an env file defines, also for values that go on over several lines. */
export const parseEnvLine = String.raw`
    # Whether the text after an opening quote lacks the closing one.
    function stays_open(text, quote) {
      if (quote == "\"") gsub(/\\./, "", text)
      return index(text, quote) == 0
    }
    # Splits a line into lead, key and rest; returns whether it is a definition. open is its quote where that stays open.
    function definition(line,    quote) {
      rest = line
      sub(/^[ \t]+/, "", rest)
      lead = substr(line, 1, length(line) - length(rest))
      if (match(rest, /^export[ \t]+/)) {
        lead = lead substr(rest, 1, RLENGTH)
        rest = substr(rest, RLENGTH + 1)
      }
      if (!match(rest, /^[A-Za-z_][A-Za-z0-9_.-]*[ \t]*[=:][ \t]*/)) return 0
      key = substr(rest, 1, RLENGTH)
      rest = substr(rest, RLENGTH + 1)
      sub(/[ \t]*[=:][ \t]*$/, "", key)
      quote = substr(rest, 1, 1)
      if ((quote == "\"" || quote == "\047") && stays_open(substr(rest, 2), quote)) open = quote
      return 1
    }`;

/**
 * Rewrites keys of an env file on the host it lies on, so that no foreign value leaves it.
 *
 * Foreign bytes and their order stay as they are, also values over several lines. A key of ours is set in every line that defines it
 * (`KEY=v`, `KEY: v`, `export KEY=v`; the last one wins in Compose), else appended. Owner, mode with access lists,
 * extended attributes and a symbolic link are kept; the new file replaces the old one in one rename.
 *
 * Shell function: set_env_keys FILE [try], with a line KEY=VALUE for each key to set and a line KEY for each key to
 * remove on standard input. Prints `unchanged` or `changed`. With `try` it does all but that rename.
 *
 * drop_env_stages FILE: removes what a change that was cut off left beside the file, which has the same secrets. For both,
 * nobody else may change the file meanwhile: the caller holds its project's lock.
 */
export const setEnvKeysFunction = String.raw`
# keep_attributes FROM TO: with the mode alone the mask of an access list would become the owning group's bits. Without
# privileges cp takes a refused owner for success.
keep_attributes() {
  local how said=
  for how in '' 'sudo -n'; do
    said="$said $($how cp --attributes-only --preserve=mode,ownership,xattr -- "$1" "$2" 2>&1)" &&
      [ "$(stat -c '%u %g %a' "$1")" = "$(stat -c '%u %g %a' "$2")" ] && return 0
  done
  echo "owner, mode and access list of $1 cannot be kept:$said" >&2
  return 1
}
drop_env_stages() {
  rm -f -- "$(readlink -m -- "$1")".unidesk-stage.??????????
}
set_env_keys() {
  local file stage
  file=$(readlink -m -- "$1")
  [ -f "$file" ] || { echo "the env file $file is not there" >&2; return 1; }
  drop_env_stages "$file"
  stage=$(mktemp "$file.unidesk-stage.XXXXXXXXXX") || return 1
  LC_ALL=C awk -v ends_with_newline="$([ -n "$(tail -c 1 "$file")" ] || echo yes)" '
    ${parseEnvLine}
    function put(line) {
      printf "%s%s", (lines++ ? "\n" : ""), line
      if (line != $0) ends_with_newline = "yes"
    }
    BEGIN {
      while ((getline line < "/dev/stdin") > 0) {
        at = index(line, "=")
        if (!at) { gone[line] = 1; continue }
        key = substr(line, 1, at - 1)
        order[++count] = key
        value[key] = substr(line, at + 1)
      }
    }
    open != "" {
      if (!stays_open($0, open)) open = ""
      if (!ours) put($0)
      next
    }
    {
      ours = 0
      if (definition($0)) {
        if (key in value) {
          ours = 1
          put(lead key "=" value[key] (rest ~ /\r$/ ? "\r" : ""))
          seen[key] = 1
          next
        }
        if (key in gone) {
          ours = 1
          ends_with_newline = "yes"
          next
        }
      }
      put($0)
    }
    END {
      if (open != "") {
        print "a quoted value is not closed; the last key before it is " key > "/dev/stderr"
        exit 1
      }
      for (i = 1; i <= count; i++) if (!(order[i] in seen)) put(order[i] "=" value[order[i]])
      if (lines && ends_with_newline) printf "\n"
    }
  ' "$file" > "$stage" || { rm -f "$stage"; echo "the env file $file was left as it is" >&2; return 1; }
  if cmp -s "$stage" "$file"; then
    rm -f "$stage"
    echo unchanged
    return 0
  fi
  if ! { keep_attributes "$file" "$stage" && sync "$stage" && { [ $# -gt 1 ] || mv -f "$stage" "$file"; }; }; then
    rm -f "$stage"
    echo "the env file $file was left as it is" >&2
    return 1
  fi
  rm -f "$stage"
  echo changed
}
`;

/**
 * Shell function: get_env_keys FILE, with one key a line on standard input. Prints what brings these keys
 * back by set_env_keys: KEY=VALUE as the last definition says it, byte for byte, or KEY where there is none.
 */
export const getEnvKeysFunction = String.raw`
get_env_keys() {
  local file
  file=$(readlink -m -- "$1")
  [ -f "$file" ] || { echo "the env file $file is not there" >&2; return 1; }
  LC_ALL=C awk '
    ${parseEnvLine}
    BEGIN { while ((getline line < "/dev/stdin") > 0) order[++count] = line }
    open != "" { if (!stays_open($0, open)) open = ""; next }
    definition($0) {
      sub(/\r$/, "", rest)
      # One of several lines is none of ours: a deployment writes one line a key.
      if (open == "") value[key] = rest
    }
    END { for (i = 1; i <= count; i++) print order[i] (order[i] in value ? "=" value[order[i]] : "") }
  ' "$file"
}
`;
