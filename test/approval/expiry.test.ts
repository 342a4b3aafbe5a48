import { expect, test } from "vitest";
import { parseExpiry } from "../../lib/approval/expiry.ts";
import { failureOf } from "../support.ts";

const now = Date.parse("2026-01-31T12:00:00.500Z");

test.each([
  ["30m", "2026-01-31T12:30:00Z"],
  ["4h", "2026-01-31T16:00:00Z"],
  ["7d", "2026-02-07T12:00:00Z"],
  ["2026-01-31T18:00:00Z", "2026-01-31T18:00:00Z"],
  ["2026-01-31T20:00+08:00", "2026-01-31T12:00:00Z"],
])("%s is %s", (text, expires) => {
  const at = text.endsWith("+08:00") ? now - 1000 : now;
  expect(parseExpiry(text, at)).toBe(expires);
});

test.each([
  ["tomorrow", "is neither a duration nor a time with its zone"],
  ["2026-01-31T18:00:00", "is neither a duration nor a time with its zone"],
  ["2026-01-41T18:00:00Z", "is neither a duration nor a time with its zone"],
  ["-1h", "is neither a duration nor a time with its zone"],
  ["0h", "is not in the future"],
  ["2026-01-31T12:00:00Z", "is not in the future"],
  ["8d", "is too far away"],
  ["2026-02-08T00:00:00Z", "is too far away"],
])("fails if --expires is %s", (text, reason) => {
  const { problem, exitCode } = failureOf(() => parseExpiry(text, now));
  expect(problem).toEqual({
    what: `--expires ${reason}`,
    found: text,
    allowed: "30m, 4h, 2d or a time such as 2026-01-31T16:00:00Z; at most 7 days from now",
  });
  expect(exitCode).toBe(2);
});
