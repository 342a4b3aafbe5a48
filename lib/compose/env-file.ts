/**
 * Rewrites keys of an env file on the host it lies on, so that no foreign value leaves it.
 *
 * Foreign bytes and their order stay as they are, also values over several lines. A key of ours is set in every line that defines it
 * (`KEY=v`, `KEY: v`, `export KEY=v`; the last one wins in Compose), else appended. Owner, mode and a
 * symbolic link are kept; the new file replaces the old one in one rename.
 *
 * Shell function: set_env_keys FILE, with the wanted KEY=VALUE lines on standard input.
 * Prints `unchanged` or `changed`.
 */
export const setEnvKeysFunction = String.raw`
set_env_keys() {
  local file stage
  file=$(readlink -m -- "$1")
  [ -f "$file" ] || { echo "the env file $file is not there" >&2; return 1; }
  stage=$(mktemp "$file.unidesk.XXXXXX") || return 1
  LC_ALL=C awk -v ends_with_newline="$([ -n "$(tail -c 1 "$file")" ] || echo yes)" '
    function put(line) {
      printf "%s%s", (lines++ ? "\n" : ""), line
      if (line != $0) ends_with_newline = "yes"
    }
    # Whether the text after an opening quote lacks the closing one.
    function stays_open(text, quote) {
      if (quote == "\"") gsub(/\\./, "", text)
      return index(text, quote) == 0
    }
    BEGIN {
      while ((getline line < "/dev/stdin") > 0) {
        at = index(line, "=")
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
      rest = $0
      sub(/^[ \t]+/, "", rest)
      lead = substr($0, 1, length($0) - length(rest))
      if (match(rest, /^export[ \t]+/)) {
        lead = lead substr(rest, 1, RLENGTH)
        rest = substr(rest, RLENGTH + 1)
      }
      if (match(rest, /^[A-Za-z_][A-Za-z0-9_.-]*[ \t]*[=:][ \t]*/)) {
        key = substr(rest, 1, RLENGTH)
        rest = substr(rest, RLENGTH + 1)
        sub(/[ \t]*[=:][ \t]*$/, "", key)
        quote = substr(rest, 1, 1)
        if ((quote == "\"" || quote == "\047") && stays_open(substr(rest, 2), quote)) open = quote
        if (key in value) {
          ours = 1
          put(lead key "=" value[key] (rest ~ /\r$/ ? "\r" : ""))
          seen[key] = 1
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
  if ! { chmod --reference="$file" "$stage" && { chown --reference="$file" "$stage" 2>/dev/null || sudo -n chown --reference="$file" "$stage"; } && sync "$stage" && mv -f "$stage" "$file"; }; then
    rm -f "$stage"
    return 1
  fi
  echo changed
}
`;
