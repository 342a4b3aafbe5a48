import { expect, test } from "vitest";
import { renderHtml } from "../../lib/review/render/html.ts";
import { renderMarkdown } from "../../lib/review/render/markdown.ts";
import { renderTerminal } from "../../lib/review/render/terminal.ts";
import { extentOf, reportOf, serviceOf } from "./support.ts";

const report = reportOf({
  services: [
    serviceOf({ service: "frontend", interrupts: false }),
    serviceOf({ service: "code-queue-mgr", approval: { state: "missing" } }),
  ],
  touched: [extentOf("main-server", { containers: ["unidesk-frontend"] })],
  waiting: [extentOf("main-server", { containers: ["code-queue-mgr-backend"] })],
});

test.each([
  ["the terminal", renderTerminal(report, { width: 200, color: false })],
  ["a comment", renderMarkdown(report)],
  ["a page", renderHtml(report)],
])("fails if %s leaves out what waits for an approval, or counts it", (_, text) => {
  const title = text.indexOf("Touched once approved");
  expect(title).toBeGreaterThan(0);
  expect(text.indexOf("code-queue-mgr-backend", title)).toBeGreaterThan(title);
  expect(text).toContain("1 of them only once approved, not counted in bytes and time");
  expect(text).not.toContain("code-queue-mgr down about");
});
