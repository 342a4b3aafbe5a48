import { expect, test } from "vitest";
import { check, judgeClock, judgeDisk } from "../../lib/doctor/checks.ts";

test("a remedy is told only where it is needed", () => {
  expect(check("d601", "ssh", true, "up", "look")).toEqual({ where: "d601", what: "ssh", ok: true, found: "up" });
  expect(check("d601", "ssh", false, "down", "look")).toEqual({
    where: "d601",
    what: "ssh",
    ok: false,
    found: "down",
    remedy: "look",
  });
});

test.each([0, 30, -30, 12.34])("a clock that is %f s off is well", (skew) => {
  expect(judgeClock("d601", skew)).toMatchObject({ what: "clock", ok: true });
});

test.each([
  [30.1, "+30.1 s"],
  [-3600, "-3600.0 s"],
])("fails if a clock is %f s off", (skew, found) => {
  expect(judgeClock("d601", skew)).toEqual({
    where: "d601",
    what: "clock",
    ok: false,
    found,
    remedy: "timedatectl set-ntp true on that host",
  });
});

test("fails if less than 2 GiB are free", () => {
  expect(judgeDisk("d601", 2 * 1024 ** 3)).toMatchObject({ ok: true, found: "2.0 GiB free" });
  expect(judgeDisk("d601", 1.5 * 1024 ** 3)).toEqual({
    where: "d601",
    what: "disk of Docker",
    ok: false,
    found: "1.5 GiB free",
    remedy: "free space; images that no pin needs go first",
  });
});
