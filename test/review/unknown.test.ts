import { describe, expect, test } from "vitest";
import { renderMarkdown } from "../../lib/review/render/markdown.ts";
import { renderTerminal } from "../../lib/review/render/terminal.ts";
import { extentsOf } from "../../lib/review/report-builder.ts";
import { reportOf, serviceOf, stillOf } from "./support.ts";

const open = serviceOf({
  ...{ service: "todo-note", action: "unknown", reason: "its stack could not be planned", interrupts: false },
  time: { seconds: null, downtimeSeconds: null, samples: null },
});
const report = reportOf({
  services: [open, stillOf("frontend", { host: "d601" })],
  stacks: [{ name: open.stack, action: "error", error: "Error: no", unchanged: 0, changes: [] }],
  decision: "error",
});

test("fails if a service of a stack that could not be planned is said to stay as it is", () => {
  const text = renderTerminal(report, { width: 80, color: false });
  expect(text).toContain("what changes is unknown; 1 stack could not be planned, with 1");
  expect(text).toMatch(/prod\/todo-note .*unknown \? unknown/);
  expect(text).toMatch(/Why +its stack could not be planned/);
  expect(text).toContain("services (1): prod/frontend");
  expect(renderMarkdown(report)).toContain("todo-note");
});

test("fails if a history that was not read is said to have no deployment", () => {
  const text = renderTerminal(report, { width: 80, color: false });
  expect(text).toMatch(/Time +unknown, down unknown \(history unread\)/);
});

test("fails if storage that nobody saw is said to be none", () => {
  const textOf = (storage: string[] | null) =>
    renderTerminal(reportOf({ services: [serviceOf({ service: "frontend", storage })] }), { width: 80, color: false });
  expect(textOf(null)).toMatch(/Storage +unknown/);
  expect(textOf([])).toMatch(/Storage +none/);
});

describe("a host that nobody could look at", () => {
  const services = [stillOf("frontend", { host: "main-server" }), stillOf("findjob", { host: "d601" })];
  const unseen = ["main-server"];
  const blind = reportOf({ services, unseen, decision: "error", ...extentsOf([], services, unseen) });

  test("fails if the first line says nothing of it, or its services are called untouched", () => {
    const text = renderTerminal(blind, { width: 80, color: false });
    expect(text.split("\n")[0]).toContain("main-server NOT LOOKED AT; what changes there is unknown");
    expect(text).toContain("services (1): prod/findjob");
    expect(renderMarkdown(blind)).toContain("main-server NOT LOOKED AT");
    expect(blind.untouched.map(({ host }) => host)).toEqual(["d601"]);
  });
});
