/**
 * Shell function: the command as root. k3s is in /usr/local/bin, which the folders that sudo looks in (secure_path) lack on
 * some systems; the search goes on there, behind root's own.
 */
export const asRootFunction = `as_root() { if [ "$(id -u)" = 0 ]; then PATH="$PATH:/usr/local/bin" "$@"; else sudo -n sh -c 'PATH="$PATH:/usr/local/bin"; export PATH; exec "$@"' as_root "$@"; fi; }`;
