/** One line of `unidesk doctor`. */
export interface DoctorCheck {
  /** `runner`, or the host that was looked at. */
  readonly where: string;
  readonly what: string;
  readonly ok: boolean;
  readonly found: string;
  /** What to do; absent where all is well. */
  readonly remedy?: string;
}

/** A clock that is further off than this breaks expiries and makes histories unreadable, in seconds. */
export const maxClockSkewSeconds = 30;

/** Less free space than this on Docker's filesystem leaves no room for the next image, in bytes. */
export const minFreeBytes = 2 * 1024 ** 3;

export function check(where: string, what: string, ok: boolean, found: string, remedy: string): DoctorCheck {
  return { where, what, ok, found, ...(ok ? {} : { remedy }) };
}

export function judgeClock(where: string, skewSeconds: number): DoctorCheck {
  const found = `${skewSeconds >= 0 ? "+" : ""}${skewSeconds.toFixed(1)} s`;
  return check(
    where,
    "clock",
    Math.abs(skewSeconds) <= maxClockSkewSeconds,
    found,
    "timedatectl set-ntp true on that host",
  );
}

export function judgeDisk(where: string, freeBytes: number): DoctorCheck {
  const found = `${(freeBytes / 1024 ** 3).toFixed(1)} GiB free`;
  return check(
    where,
    "disk of Docker",
    freeBytes >= minFreeBytes,
    found,
    "free space; images that no pin needs go first",
  );
}
