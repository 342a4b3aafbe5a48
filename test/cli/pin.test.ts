import { readFileSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { printTable } from "../../lib/cli/output.ts";
import { Commit } from "../../lib/config/values.ts";
import type { ShownPin } from "../../lib/pins/show.ts";
import { plannedHead, plannedRow, shownHead, shownRow } from "../../lib/pins/table.ts";
import { commitA, commitB } from "../support.ts";
import { refusal, useCli } from "./support.ts";

const { cli, setPins } = useCli();
const set = (...args: readonly string[]) => cli("pin", "set", ...args);

describe("a command that cannot be meant touches no host and no file", () => {
  let file: string;
  let before: string;
  beforeEach(() => {
    file = setPins({ frontend: { commit: commitA } });
    before = readFileSync(file, "utf8");
  });
  afterEach(() => expect(readFileSync(file, "utf8")).toBe(before));

  test.each([
    ["no service is named", ["--env", "prod", "--commit", commitB], "neither a service nor --all"],
    ["a service and --all are both given", ["frontend", "--all", "--env", "prod", "--commit", commitB], "frontend"],
    [
      "postgres is an upstream image: it is mirrored, never built",
      ["postgres", "--env", "prod", "--commit", commitB],
      "leave it out",
    ],
    ["unknown service", ["nope", "--env", "prod", "--commit", commitB], "nope"],
    ["todo-note has no consumer in dev", ["todo-note", "--env", "dev", "--commit", commitB], "todo-note"],
    ["code-queue in prod is unsupported", ["code-queue", "--env", "prod", "--commit", commitB], "code-queue"],
    ["--commit", ["frontend", "--env", "prod", "--commit", "latest"], 'found "latest"'],
    ["--commit", ["frontend", "--env", "prod", "--commit", commitB.toUpperCase()], "40 lowercase hex digits"],
    ["--env", ["frontend", "--env", "stage", "--commit", commitB], "must be one of prod, dev"],
  ])("fails if %s: %j", async (what, args, found) => {
    const { exitCode, stdout, stderr } = await set(...args);
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(what);
    expect(stderr).toContain(found);
  });

  test.each(["", "   ", "a\nb", "x".repeat(201), "\u202ehidden"])("fails if the reason is %j", async (reason) => {
    const { exitCode, stderr } = await cli("pin", "rollback", "frontend", "--env", "prod", "--reason", reason);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("1 to 200 characters on one line");
  });

  test("fails if a service is rolled back or shown that is not pinned", async () => {
    const remedy = "remedy:  npx unidesk pin show";
    const back = await cli("pin", "rollback", "mdtodo", "--env", "prod");
    expect(back.stderr).toBe(refusal(`${file} does not pin mdtodo in prod`, "mdtodo", remedy));
    expect((await cli("pin", "show", "mdtodo")).stderr).toBe(refusal(`${file} does not pin mdtodo`, "mdtodo", remedy));
    expect((await cli("pin", "show", "nope")).stderr).toContain("unknown service");
  });
});

test("fails if a pin's reason to go back is no line of text", async () => {
  setPins({ frontend: { commit: commitA, rollback: "two\nlines" } });
  const { exitCode, stderr } = await cli("pin", "show");
  expect(exitCode).toBe(2);
  expect(stderr).toContain("environments.prod.frontend.rollback");
});

describe("tables", () => {
  const shown = (changes: Partial<ShownPin>): ShownPin => ({
    ...{ service: "project-manager", environment: "prod", decision: "deployable" },
    pinned: { commit: Commit.parse(commitA), digest: null, rollback: null },
    live: { state: "unhealthy", commit: Commit.parse(commitB) },
    newestPublished: {
      ...{ state: "known", commit: Commit.parse(commitB), releaseLine: "master" },
      ...{ deployable: true, refusals: [] },
    },
    behind: { releaseLine: "master", commits: 1234 },
    ...{ relation: "diverged", ahead: 123, behindLive: 456 },
    ...changes,
  });

  test.each<[Partial<ShownPin>, string]>([
    [{}, "project-manager prod a1a1a1a b2b2b2b! b2b2b2b 1234 diverged +123 -456"],
    [{ live: { state: "absent", commit: null } }, "project-manager prod a1a1a1a - b2b2b2b 1234 first"],
    [
      {
        live: { state: "unknown", commit: null },
        newestPublished: { state: "unknown", commit: null, releaseLine: null, deployable: null, refusals: [] },
        ...{ behind: null, relation: "unknown" },
      },
      "project-manager prod a1a1a1a ? ? ? unknown",
    ],
    [
      { decision: "blocked", live: { state: "never-applied", commit: null } },
      "project-manager prod a1a1a1a - b2b2b2b 1234 blocked",
    ],
    [
      {
        newestPublished: { state: "none", commit: null, releaseLine: null, deployable: null, refusals: [] },
        relation: "same",
      },
      "project-manager prod a1a1a1a b2b2b2b! - 1234 same",
    ],
    [
      { newestPublished: { ...shown({}).newestPublished, deployable: false, refusals: ["why"] } },
      "project-manager prod a1a1a1a b2b2b2b! b2b2b2b! 1234 diverged +123 -456",
    ],
  ])("%j", (changes, row) => {
    expect(shownRow(shown(changes)).join(" ")).toBe(row);
  });

  test("fit 80 columns", async () => {
    let text = "";
    const { write } = process.stdout;
    process.stdout.write = (part) => {
      text += part;
      return true;
    };
    try {
      const rollback = { commit: Commit.parse(commitA), digest: null, rollback: "why" };
      printTable(shownHead, [shownRow(shown({ pinned: rollback }))]);
      const notes = {
        digest: null,
        digestSource: "registry",
        rollback: null,
        previousDigest: null,
        notes: [],
      } as never;
      const pin = {
        service: "project-manager",
        environment: "prod",
        commit: Commit.parse(commitA),
        changed: true,
      } as const;
      const planned = {
        ...pin,
        previousCommit: Commit.parse(commitB),
        relation: "diverged",
        ahead: 1,
        behind: 2,
      } as const;
      printTable(plannedHead, [plannedRow(Object.assign({}, notes, planned))]);
    } finally {
      process.stdout.write = write;
    }
    const widths = stripVTControlCharacters(text)
      .split("\n")
      .map((line) => line.length);
    expect(Math.max(...widths)).toBeLessThanOrEqual(80);
  });
});
