/**
 * Shell functions about the secret of a host's own, which never leaves it.
 *
 * host_secret: prints it; makes it where it is missing.
 *
 * keyed_hash: HMAC-SHA256 (RFC 2104) of standard input with a key made of it, for whatever may be compared but not
 * guessed. Built from sha256sum: openssl would take the key as an argument, which every process list shows; the key goes
 * through builtins and pipes alone. The key is 64 hexadecimal digits, which is just one block, so that it needs no padding.
 */
export const hostSecretFunctions = String.raw`
host_secret() {
  local file=$HOME/.unidesk/host-secret
  if [ ! -s "$file" ]; then
    mkdir -p "$HOME/.unidesk"
    (umask 077 && head -c 32 /dev/urandom | base64 -w0 > "$file.$$" && mv -n "$file.$$" "$file"; rm -f "$file.$$")
  fi
  cat "$file"
}
keyed_hash() {
  local key code i inner= outer= digest bytes=
  key=$(host_secret) && [ -n "$key" ] || { echo "$HOME/.unidesk/host-secret cannot be read" >&2; return 1; }
  key=$(printf %s "$key" | sha256sum) || return 1
  for ((i = 0; i < 64; i++)); do
    printf -v code %d "'${"$"}{key:i:1}"
    printf -v inner '%s\\x%02x' "$inner" $((code ^ 0x36))
    printf -v outer '%s\\x%02x' "$outer" $((code ^ 0x5c))
  done
  digest=$({ printf "$inner"; cat; } | sha256sum) || return 1
  for ((i = 0; i < 64; i += 2)); do bytes="$bytes\\x${"$"}{digest:i:2}"; done
  digest=$(printf "$outer$bytes" | sha256sum) || return 1
  printf '%s\n' "${"$"}{digest:0:64}"
}
`;
