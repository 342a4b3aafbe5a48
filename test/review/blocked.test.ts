import { expect, test } from "vitest";
import { blockedFindings } from "../../lib/review/blocked.ts";
import { serviceOf, stillOf } from "./support.ts";

const blockers = ["the registry has no manifest of it"];

test.each([
  ["a service that changes", serviceOf({ service: "frontend", blockers })],
  ["one that does not, in a stack that would stop at it", stillOf("frontend", { blockers })],
  ["one that only Terraform's state does not know", serviceOf({ service: "frontend", action: "adopt", blockers })],
])("fails if %s is blocked and may be applied", (_, service) => {
  expect(blockedFindings([service])).toMatchObject([
    { rule: "blocked", level: "deny", subject: "prod/frontend", message: blockers[0] },
  ]);
});

test("what is not applied stops nothing", () => {
  const approval = { state: "missing" as const, detail: null, command: null };
  const services = [
    serviceOf({ service: "code-queue-mgr", blockers, approval }),
    serviceOf({ service: "frontend", action: "unknown", blockers }),
    stillOf("mdtodo"),
  ];
  expect(blockedFindings(services)).toEqual([]);
});

test("fails if what comes does not fit on a disk and may be applied", () => {
  const disk = { host: "d601", path: "/var/lib/docker", neededBytes: 2_000_000_000, freeBytes: 1_000_000_000 };
  expect(blockedFindings([], [{ ...disk, fits: false }])).toMatchObject([
    { level: "deny", subject: "d601", message: "/var/lib/docker has 1.0 GB free, and 2.0 GB are needed" },
  ]);
  expect(blockedFindings([], [{ ...disk, freeBytes: 3_000_000_000, fits: true }])).toEqual([]);
  // What waits for an approval does not come with an apply.
  const approval = { state: "missing" as const, detail: null, command: null };
  const transfer = { bytes: 1, diskBytes: 1_500_000_000 };
  const waiting = serviceOf({ service: "code-queue", host: "d601", approval, transfer });
  expect(blockedFindings([waiting], [{ ...disk, fits: false }])).toEqual([]);
});
