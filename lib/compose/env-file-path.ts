/**
 * Shell function: controlled_env_file FILE CONFIG_JSON ROOT. Prints the path of the controlled env file:
 * FILE where it is given, else what config.json names under providerGateway.upgrade.composeEnvFile.
 * config.json holds secrets: it is read on its host and no part of it is ever printed.
 */
export const controlledEnvFileFunction = String.raw`
controlled_env_file() {
  local found=$1
  if [ -z "$found" ] && command -v jq >/dev/null; then
    found=$(jq -er '.providerGateway.upgrade.composeEnvFile | strings' "$2" 2>/dev/null) || found=
  elif [ -z "$found" ]; then
    found=$(tr '\n' ' ' < "$2" | grep -o '"composeEnvFile"[[:space:]]*:[[:space:]]*"[^"\\]*"' | sed 's/.*"\([^"]*\)"$/\1/')
    [ "$(printf '%s\n' "$found" | grep -c .)" = 1 ] || found=
  fi
  case $found in
    '') echo "$2 does not name the controlled env file; allowed: JSON with providerGateway.upgrade.composeEnvFile, a path; remedy: correct $2 on this host" >&2; return 1 ;;
    /*) printf '%s\n' "$found" ;;
    *) printf '%s\n' "$3/$found" ;;
  esac
}
`;
