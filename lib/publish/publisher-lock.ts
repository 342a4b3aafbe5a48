/** A prune held the registry for longer than a publisher waits. */
export const pruneTakesLong = 27;

/** How long a publisher waits for a prune, in seconds. */
export const pruneWaitSeconds = 900;

/**
 * Shell function: share_registry FOLDER-OF-LOCKS. Everybody who pushes shares the lock `publish` on descriptor 8; a prune
 * of the registry holds it alone, so that nothing is pushed while the registry is read-only. Returns what the script is to exit with.
 */
export const shareRegistryFunction = `
share_registry() {
  exec 8>>"$1/publish" || return 1
  flock -n -s 8 || { echo "waiting for a prune of the registry" >&2; flock -w ${pruneWaitSeconds} -s 8; } ||
    { echo "the registry is being pruned for more than ${pruneWaitSeconds} s" >&2; return ${pruneTakesLong}; }
}
`;
