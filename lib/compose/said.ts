/**
 * Shell function: compose_said passes on what Compose says about a project, for a log, a reason or an error, without
 * what may be a value of an env file: its parsers quote the line that they do not understand, or all that follows.
 * File and line number stay. Such an error is Compose's last words, so that what comes after belongs to the quotation.
 * A name that is not set may be the tail of a value with a dollar sign in it. An @ in front would be a word for the runner.
 */
export const composeSaidFunction = String.raw`
compose_said() {
  LC_ALL=C awk '
    quoted { next }
    { sub(/^@/, " @"); gsub(/The [^ ]+ variable is not set/, "The variable ... is not set") }
    match(tolower($0), /unterminated quoted value|in variable name|no variable name on line|invalid utf8 bytes at line [0-9]+|poorly formatted environment|invalid environment variable|invalid interpolation format for [^ :]+|invalid template|is missing a value|cannot unmarshal|strconv\.[a-z0-9]+| near/) {
      print substr($0, 1, RSTART + RLENGTH - 1) " ... (cut here: what follows may be a secret)"
      quoted = 1
      next
    }
    { print }
  '
}
`;
