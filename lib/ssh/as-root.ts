/** Shell function: the command as root. */
export const asRootFunction = `as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }`;
