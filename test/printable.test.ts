import { expect, test } from "vitest";
import { renderProblem } from "../lib/errors.ts";
import { printableLines } from "../lib/printable.ts";

test("lines and indentation stay; what drives a terminal or ends a line unseen does not", () => {
  expect(printableLines("a\r\n  b\tc\rd")).toBe("a\n  b c?d");
  expect(printableLines("\u001b[31mred\u001b[0m\u001b]0;title\u0007 \u009b2J\u007f\u2028x")).toBe("red ??x");
  expect(printableLines(`\u202eevil\n${"x".repeat(900)}`)).toBe(`?evil\n${"x".repeat(900)}`);
});

test("a problem of several lines stays one", () => {
  expect(renderProblem({ what: "a:\n- b\u001b[2J", found: "c\rd" })).toBe("a:\n- b\n  found:   c?d");
});
