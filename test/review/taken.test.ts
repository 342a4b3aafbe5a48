import { describe, expect, test } from "vitest";
import { everything, logOf } from "../../lib/review/render/facts.ts";
import { renderHtml } from "../../lib/review/render/html.ts";
import { renderMarkdown } from "../../lib/review/render/markdown.ts";
import { renderTerminal } from "../../lib/review/render/terminal.ts";
import { logged, reportOf, serviceOf } from "./support.ts";

const list = (count: number, subject: string, taken: boolean) =>
  Array.from({ length: count }, (_, index) => ({ ...logged("b", `${subject} ${index}`, ["a.ts"]), taken }));
const diverged = (brought: number, taken: number) =>
  serviceOf({
    service: "frontend",
    commits: {
      ...{ relation: "diverged", ahead: brought, behind: taken },
      log: [...list(brought, "new", false), ...list(taken, "old", true)],
    },
  });
const report = reportOf({ services: [diverged(1, 1)] });

test.each([
  ["the terminal", renderTerminal(report, { width: 200, color: false })],
  ["a comment", renderMarkdown(report)],
  ["a page", renderHtml(report)],
])("fails if %s does not tell what a diverged pin takes away from what it brings", (_, text) => {
  const marks = [...text.matchAll(/− taken away:/g)];
  expect(marks).toHaveLength(1);
  const at = marks[0]?.index ?? 0;
  expect(text.indexOf("new 0")).toBeLessThan(at);
  expect(text.indexOf("old 0")).toBeGreaterThan(at);
});

describe("where not all commits fit", () => {
  const shownOf = (brought: number, taken: number) => {
    const { lines, more } = logOf(diverged(brought, taken), { ...everything, commits: 4 });
    return [lines.filter((one) => !one.taken).length, lines.filter((one) => one.taken).length, more];
  };

  test.each([
    [10, 10, [2, 2, 16]],
    [10, 1, [3, 1, 7]],
    [1, 10, [1, 3, 7]],
    [0, 10, [0, 4, 6]],
    [10, 0, [4, 0, 6]],
    [2, 2, [2, 2, 0]],
  ])("%i brought and %i taken away share the room", (brought, taken, expected) => {
    expect(shownOf(brought, taken)).toEqual(expected);
  });
});
