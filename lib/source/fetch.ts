/** What makes a clone on D601 know what was pushed. Without its path the configuration has none. */
export function letFetch(clone: string | undefined): string {
  return `let d601's clone fetch it${clone === undefined ? "" : `: git -C ${clone} fetch --prune`}`;
}

/** What to do about a commit that a clone on D601 does not know as pushed. */
export function fetchRemedy(clone: string | undefined): string {
  return `push it to the source repository; where it is pushed, ${letFetch(clone)}`;
}
