/** What to do about a commit that a clone on D601 does not know as pushed. Without its path the configuration has none. */
export function fetchRemedy(clone: string | undefined): string {
  const fetch = clone === undefined ? "" : `: git -C ${clone} fetch --prune`;
  return `push it to the source repository; where it is pushed, let d601's clone fetch it${fetch}`;
}
