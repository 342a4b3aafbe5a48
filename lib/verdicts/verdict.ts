/** One thing that is not as declared. */
export interface Reason {
  /** What was compared: `image label org.opencontainers.image.revision`. */
  readonly what: string;
  readonly expected: string;
  readonly found: string;
  /** Where it was looked at: `main-server container unidesk-frontend`. */
  readonly where: string;
}

/** What a pure function says about observed facts. No reasons means ok. */
export interface Verdict {
  readonly ok: boolean;
  readonly reasons: readonly Reason[];
}

export function verdictOf(reasons: readonly (Reason | undefined)[]): Verdict {
  const present = reasons.filter((reason) => reason !== undefined);
  return { ok: present.length === 0, reasons: present };
}

/** What a container that is still starting may get right by itself; anything else is wrong for good. */
const transient = new Set(["container", "container state", "health", "health status"]);

/** Whether waiting may help. */
export function mayPassByItself({ reasons }: Verdict): boolean {
  return reasons.every(
    ({ what, found }) =>
      transient.has(what) ||
      // A service that answers before it knows its commit says nothing of it yet; a log-in takes its time too.
      (what.startsWith("deploy.") && found === "nothing") ||
      (what.startsWith("gate ") && found !== "present"),
  );
}

/** A reason unless the two are equal. */
export function expectEqual(
  what: string,
  expected: string,
  found: string | null | undefined,
  where: string,
): Reason | undefined {
  return expected === found ? undefined : { what, expected, found: found ?? "nothing", where };
}

export function renderReasons(subject: string, reasons: readonly Reason[]): string {
  return reasons
    .map(
      ({ what, expected, found, where }) =>
        `${subject}: ${what}: expected ${expected}, found ${found} (looked at ${where})`,
    )
    .join("\n");
}
