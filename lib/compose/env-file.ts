/**
 * Rewrites keys of an env file on the host it lies on, so that no foreign value leaves it.
 *
 * Foreign bytes and their order stay as they are. A key of ours is set in every line that defines it
 * (`KEY=v`, `KEY: v`, `export KEY=v`; the last one wins in Compose), else appended. Owner, mode and a
 * symbolic link are kept; the new file replaces the old one in one rename.
 *
 * Shell function: set_env_keys FILE, with the wanted KEY=VALUE lines on standard input.
 * Prints `unchanged` or `changed`.
 */
export const setEnvKeysFunction = String.raw`
set_env_keys() {
  local file stage
  file=$(readlink -f -- "$1") || { echo "the env file $1 is a broken link" >&2; return 1; }
  [ -f "$file" ] || { echo "the env file $file is not there" >&2; return 1; }
  stage=$(mktemp "$file.unidesk.XXXXXX") || return 1
  LC_ALL=C awk '
    BEGIN {
      while ((getline line < "/dev/stdin") > 0) {
        at = index(line, "=")
        key = substr(line, 1, at - 1)
        order[++count] = key
        value[key] = substr(line, at + 1)
      }
    }
    {
      rest = $0
      sub(/^[ \t]+/, "", rest)
      lead = substr($0, 1, length($0) - length(rest))
      if (match(rest, /^export[ \t]+/)) {
        lead = lead substr(rest, 1, RLENGTH)
        rest = substr(rest, RLENGTH + 1)
      }
      if (match(rest, /^[A-Za-z_][A-Za-z0-9_]*/)) {
        key = substr(rest, 1, RLENGTH)
        tail = substr(rest, RLENGTH + 1)
        if (key in value && tail ~ /^[ \t]*[=:]/) {
          print lead key "=" value[key] (tail ~ /\r$/ ? "\r" : "")
          seen[key] = 1
          next
        }
      }
      print
    }
    END {
      for (i = 1; i <= count; i++) if (!(order[i] in seen)) print order[i] "=" value[order[i]]
    }
  ' "$file" > "$stage" || { rm -f "$stage"; return 1; }
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
