/** Shell function: since_boot puts whole seconds into `now`. Bash's own SECONDS jumps when somebody sets the clock. */
export const sinceBootFunction = `since_boot() { IFS=' .' read -r now _ < /proc/uptime; }`;
