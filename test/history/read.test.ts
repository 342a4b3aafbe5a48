import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Connection } from "../../lib/config/hosts.ts";
import { readHistory } from "../../lib/history/read.ts";
import { commitA, localHost, tempFolder } from "../support.ts";

function hostOf(name: "d601" | "main-server", makeHistory: (folder: string) => void): Connection {
  const home = tempFolder();
  mkdirSync(join(home, ".unidesk"));
  makeHistory(join(home, ".unidesk", "deploy-history"));
  return { ...localHost(home), name };
}

const line = JSON.stringify({
  ...{ id: "1", service: "frontend", stack: "unidesk-prod-main-server", commit: commitA, result: "deployed" },
  ...{ startedAt: "2026-01-31T12:00:00Z", finishedAt: "2026-01-31T12:00:09Z", operator: "a@b", fingerprint: "f" },
});
const mainServer = () =>
  hostOf("main-server", (folder) => {
    mkdirSync(folder);
    writeFileSync(join(folder, "frontend.jsonl"), `${line}\n`);
  });

test("each host answers for itself; one on which nothing was ever deployed has an empty past", async () => {
  const { byHost, answered } = await readHistory([hostOf("d601", () => {}), mainServer()], "frontend");
  expect(answered).toBe(true);
  expect(byHost.get("d601")).toEqual([]);
  expect(byHost.get("main-server")).toMatchObject([{ commit: commitA, host: "main-server" }]);
});

test("fails if a past that cannot be read looks like one in which nothing was deployed", async () => {
  const unreadable = hostOf("d601", (folder) => writeFileSync(folder, ""));
  const { byHost, answered, entries, warnings } = await readHistory([unreadable, mainServer()]);
  expect(byHost.has("d601")).toBe(false);
  expect([answered, entries.length]).toEqual([true, 1]);
  expect(warnings.join("\n")).toContain("deploy-history");
});

describe("of each environment the newest entries", () => {
  const entry = (environment: string, day: number, more: object = {}) =>
    JSON.stringify({ ...JSON.parse(line), stack: `unidesk-${environment}-d601`, id: `${environment}-${day}`, ...more });
  const read = (lines: readonly string[]) =>
    readHistory([
      hostOf("d601", (folder) => {
        mkdirSync(folder);
        writeFileSync(join(folder, "frontend.jsonl"), lines.join("\n"));
      }),
    ]);
  const many = (count: number, environment: string, more?: object) =>
    Array.from({ length: count }, (_, index) => entry(environment, index, more));

  test("fails if many deployments in dev push out those in prod", async () => {
    const supervised = entry("prod", 2, { stack: "unidesk-supervised-frontend-prod" });
    const { entries, cut, warnings } = await read([
      entry("prod", 1, { reason: '"stack":"unidesk-dev-d601"' }),
      supervised,
      ...many(400, "dev"),
    ]);
    expect(entries.filter(({ id }) => id.startsWith("prod")).map(({ id }) => id)).toEqual(["prod-1", "prod-2"]);
    expect(entries.filter(({ id }) => id.startsWith("dev"))).toHaveLength(200);
    expect(entries.at(-1)?.id).toBe("dev-399");
    expect(cut).toEqual([{ service: "frontend", environment: "dev", host: "d601" }]);
    expect(warnings).toEqual([]);
  });

  test("200 of them are all of them; more bytes than the bound are cut", async () => {
    expect((await read(many(200, "dev"))).cut).toEqual([]);
    const { entries, cut } = await read(many(10, "dev", { reason: "x".repeat(20_000) }));
    expect(entries.map(({ id }) => id)).toEqual(["dev-4", "dev-5", "dev-6", "dev-7", "dev-8", "dev-9"]);
    expect(cut).toHaveLength(1);
  });

  test("a last line that was cut is one that is no entry", async () => {
    const { entries, warnings } = await read([entry("prod", 1), entry("prod", 2).slice(0, 60)]);
    expect(entries).toHaveLength(1);
    expect(warnings.join()).toContain("1 line(s)");
  });
});
