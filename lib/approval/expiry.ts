import { exitCodes, UserError } from "../errors.ts";
import { isoSeconds, maxApprovalDays } from "../verdicts/approval.ts";

const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** When an approval ends: `30m`, `4h` or `2d` from now, or a time with its zone. */
export function parseExpiry(text: string, now: number): string {
  const duration = /^(\d{1,5})([mhd])$/.exec(text);
  const isTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(text);
  const time = duration
    ? now + Number(duration[1]) * unitMs[duration[2] as keyof typeof unitMs]
    : isTime
      ? Date.parse(text)
      : Number.NaN;
  if (time > now && time <= now + maxApprovalDays * unitMs.d) return isoSeconds(time);
  throw new UserError(
    {
      what: Number.isNaN(time)
        ? "--expires is neither a duration nor a time with its zone"
        : `--expires is ${time <= now ? "not in the future" : "too far away"}`,
      found: text,
      allowed: `30m, 4h, 2d or a time such as ${isoSeconds(now + 4 * unitMs.h)}; at most ${maxApprovalDays} days from now`,
    },
    exitCodes.usage,
  );
}
