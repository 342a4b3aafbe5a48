#!/bin/sh
# unidesk-terraform-launcher (scripts/prepare.mjs and this file know a launcher by this line)
#
# npm links this file as node_modules/.bin/terraform, so `npx cdktf` finds it first on PATH. It sets
# what scripts/prepare.mjs recorded and becomes the real terraform or tofu. Builtins only: no forks.
#
# terraform.env holds raw KEY=VALUE lines; they are read, never evaluated:
#   BINARY   the terraform or tofu that prepare chose or built
#   CONFIG   a CLI configuration that names our plugins; absent where the provider registry answers
#   MIRROR   the folder of those plugins
set -u

is_launcher() {
  first='' second=''
  { IFS= read -r first && IFS= read -r second; } <"$1" 2>/dev/null
  case $first in '#!'*) ;; *) return 1 ;; esac
  case $second in '# unidesk-terraform-launcher'*) return 0 ;; esac
  return 1
}

is_program() {
  [ -f "$1" ] && [ -x "$1" ] && ! is_launcher "$1"
}

env_file=${XDG_CACHE_HOME:-${HOME:-}/.cache}/unidesk-cdktf/terraform.env
binary='' config='' mirror=''
if [ -r "$env_file" ]; then
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in
      BINARY=*) binary=${line#BINARY=} ;;
      CONFIG=*) config=${line#CONFIG=} ;;
      MIRROR=*) mirror=${line#MIRROR=} ;;
    esac
  done <"$env_file"
fi

if [ -z "$binary" ] || ! is_program "$binary"; then
  binary=''
  rest=${PATH:-}:
  while [ -z "$binary" ] && [ -n "$rest" ]; do
    dir=${rest%%:*}
    rest=${rest#*:}
    for name in terraform tofu; do
      if [ -z "$binary" ] && is_program "${dir:-.}/$name"; then
        binary=${dir:-.}/$name
      fi
    done
  done
fi
if [ -z "$binary" ]; then
  echo "terraform: neither terraform nor tofu was found: $env_file names none that exists, nor is one on PATH." >&2
  echo "Remedy: run \`node scripts/prepare.mjs\` in the project's folder, or install Terraform >= 1.9 or OpenTofu >= 1.9." >&2
  exit 127
fi

export CHECKPOINT_DISABLE="${CHECKPOINT_DISABLE-1}"

# A user's own configuration that exists stays in force, and then so do the user's own plugins.
if [ -z "${TF_CLI_CONFIG_FILE:-}" ] || [ ! -e "$TF_CLI_CONFIG_FILE" ]; then
  unset TF_CLI_CONFIG_FILE
  if [ -n "$config" ] && [ -e "$config" ] && [ -d "$mirror" ]; then
    export TF_CLI_CONFIG_FILE="$config"
    # `providers lock` ignores the configuration above and would ask the registry.
    case "${TF_CLI_ARGS_providers_lock:-} $*" in
      *-fs-mirror* | *-net-mirror*) ;;
      *) export TF_CLI_ARGS_providers_lock="${TF_CLI_ARGS_providers_lock:+$TF_CLI_ARGS_providers_lock }\"-fs-mirror=$mirror\"" ;;
    esac
  fi
fi

exec "$binary" "$@"
