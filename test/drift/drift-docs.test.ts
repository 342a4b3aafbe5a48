import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkout } from "../lab-support.ts";
import { driftTable } from "./matrix.ts";

test("docs/drift.md shows the matrix that the lab runs", () => {
  expect(readFileSync(join(checkout, "docs", "drift.md"), "utf8")).toContain(driftTable());
});
