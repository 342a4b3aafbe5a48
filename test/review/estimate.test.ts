import { expect, test } from "vitest";
import type { PlacedEntry } from "../../lib/history/collect.ts";
import { estimateTime, median, secondsOf } from "../../lib/review/estimate.ts";
import { commitA } from "../support.ts";

function entry(changes: Partial<PlacedEntry> = {}): PlacedEntry {
  return {
    ...{ id: "1", service: "frontend", stack: "unidesk-prod-main-server", commit: commitA as PlacedEntry["commit"] },
    ...{
      startedAt: "2026-01-01T00:00:00Z",
      finishedAt: "2026-01-01T00:00:04Z",
      downtimeSeconds: 1,
      deliverySeconds: 2,
    },
    ...{ result: "deployed", operator: "ann@ci", fingerprint: "0", host: "main-server" },
    ...changes,
  };
}
const estimate = (history: PlacedEntry[]) => estimateTime(history, "frontend", "prod", "main-server");

test("is the median of the service's own deployments, delivery included", () => {
  const slow = entry({ finishedAt: "2026-01-01T00:01:40Z", downtimeSeconds: 90 });
  expect(estimate([entry(), entry({ deliverySeconds: 4, downtimeSeconds: 3 }), slow])).toEqual({
    seconds: 8,
    downtimeSeconds: 3,
    samples: 3,
  });
});

test("is unknown with fewer than two", () => {
  expect(estimate([])).toEqual({ seconds: null, downtimeSeconds: null, samples: 0 });
  expect(estimate([entry()])).toEqual({ seconds: null, downtimeSeconds: null, samples: 1 });
});

test.each([
  ["another service", { service: "backend-core" }],
  ["another environment", { stack: "unidesk-dev-d601" }],
  ["another host", { host: "d601" as const }],
  ["a restore", { result: "restored" as const }],
])("leaves out %s", (_, changes) => {
  expect(estimate([entry(changes), entry(changes), entry(changes)]).samples).toBe(0);
});

test("a service whose downtime nobody measured has an unknown one", () => {
  const rollout = entry({ downtimeSeconds: null });
  expect(estimate([rollout, rollout])).toMatchObject({ seconds: 6, downtimeSeconds: null });
});

test("a clock that was set back gives no negative time", () => {
  expect(secondsOf(entry({ finishedAt: "2025-12-31T23:00:00Z", deliverySeconds: 0 }))).toBe(0);
});

test("the median of an even number is the middle of the two", () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([5])).toBe(null);
});
