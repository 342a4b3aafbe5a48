/**
 * Shell function: labels_override SERVICE KEY=VALUE... prints a Compose file that puts these labels on one
 * service's container, beside those of the project's own file. A value with any other character than those of
 * commits, digests and names is left out: it could mean something to YAML or to Compose's interpolation.
 */
export const labelsOverrideFunction = String.raw`
labels_override() {
  local pair
  printf 'services:\n  "%s":\n    labels:\n' "$1"
  shift
  for pair in "$@"; do
    [[ $pair =~ ^[a-z.-]+=[A-Za-z0-9:._/-]+$ ]] && printf '      "%s": "%s"\n' "$(printf '%s' "$pair" | cut -d= -f1)" "$(printf '%s' "$pair" | cut -d= -f2-)"
  done
  return 0
}
`;
