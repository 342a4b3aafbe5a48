import { cpSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { codeLines } from "../../lib/review/code.ts";
import { checkout } from "../checkout.ts";
import { siteOf, tempFolder, write } from "../support.ts";

const { registry } = siteOf();

test("fails if code that decides which steps there are may change between review and apply", () => {
  const root = tempFolder();
  for (const folder of ["constructs", "stacks", "lib/catalog"]) {
    cpSync(join(checkout, folder), join(root, folder), { recursive: true });
  }
  const lines = () => codeLines(root, registry, { sha256: "0" });
  const before = lines();
  expect(codeLines(checkout, registry, { sha256: "0" })).toEqual(before);
  write(root, "constructs/apply-step.ts", "export {};\n");
  expect(lines()).not.toEqual(before);
  expect(codeLines(root, registry, { sha256: "1" })).not.toEqual(lines());
});
