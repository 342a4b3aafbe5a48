import { expect, test } from "vitest";
import { restMs } from "../../lib/steps/rest.ts";

test.each([
  [0, 500],
  [300, 500],
  [1700, 1700],
  [20_000, 3000],
])("after a look of %i ms the next one is %i ms away", (lookMs, ms) => {
  expect(restMs(lookMs)).toBe(ms);
});
