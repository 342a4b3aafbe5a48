#!/bin/sh
# Writes env files and config.json as they were before any deployment, each @random@ a fresh secret. It runs on a new
# host, and again only where the lab's own definition of these files changed.
set -eu
root=/home/ubuntu/unidesk
install -d -o ubuntu -g ubuntu "$root"
install -d -m 0700 -o ubuntu -g ubuntu "$root/.state"
umask 077
for file in *.env *.json; do
  case $file in
    "*.json") continue ;; # this host has none
    *.env) target=$root/.state/$file ;;
    *) target=$root/$file ;;
  esac
  while IFS= read -r line; do
    case $line in
      *@random@*) printf '%s%s%s\n' "${line%%@random@*}" "$(openssl rand -hex 32)" "${line#*@random@}" ;;
      *) printf '%s\n' "$line" ;;
    esac
  done < "$file" > "$file.filled"
  install -m 0600 -o ubuntu -g ubuntu "$file.filled" "$target"
  rm "$file.filled"
done
