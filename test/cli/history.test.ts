import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import { commitA, commitB, hostKeys, hostsJson, tempFolder } from "../support.ts";
import { useCli } from "./support.ts";

const { cli, setSite } = useCli();

const entry = {
  id: "20260131T120000Z-abcd",
  service: "frontend",
  stack: "unidesk-prod-main-server",
  commit: commitA,
  digest: null,
  previousCommit: commitB,
  startedAt: "2026-01-31T12:00:00Z",
  finishedAt: "2026-01-31T12:00:09Z",
  downtimeSeconds: 1.5,
  bytes: 1_540_000,
  deliverySeconds: 0.4,
  result: "deployed",
  reason: null,
  operator: "ann@laptop",
  fingerprint: "a b c",
  approval: null,
};

/** Two hosts, both this machine, with these files in their history. */
function useHistory(files: Readonly<Record<string, string>>): void {
  const home = tempFolder();
  const folder = join(home, ".unidesk", "deploy-history");
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const { d601, "main-server": mainServer } = hostsJson();
  setSite({
    hosts: {
      d601: { ...d601, connection: "local", home: tempFolder() },
      "main-server": { ...mainServer, connection: "local", home },
    },
  });
}
const dead = { address: "127.0.0.1", port: 1, hostKeys: [hostKeys.ecdsa] };
const line = (changes: object = {}) => `${JSON.stringify({ ...entry, ...changes })}\n`;

test("entries of all hosts and services, newest first", async () => {
  useHistory({
    "frontend.jsonl": line() + line({ result: "restored", finishedAt: "2026-02-01T00:00:00Z" }),
    "backend-core.jsonl": line({ service: "backend-core", finishedAt: "2026-01-31T18:00:00Z", previousCommit: null }),
  });
  const { exitCode, stdout, stderr } = await cli("history");
  expect(stripVTControlCharacters(stdout)).toBe(
    [
      "time (UTC)  service      commit←from     result       s  bytes operator",
      "02-01 00:00 frontend     a1a1a1a←b2b2b2b restored 43200 1.5 MB ann@laptop",
      "01-31 18:00 backend-core a1a1a1a         deployed 21600 1.5 MB ann@laptop",
      "01-31 12:00 frontend     a1a1a1a←b2b2b2b deployed     9 1.5 MB ann@laptop",
      "",
    ].join("\n"),
  );
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
});

test("of one service, of one environment, as many as asked, as JSON", async () => {
  const supervised = { service: "code-queue-mgr", stack: "unidesk-supervised-code-queue-mgr-prod" };
  useHistory({
    "frontend.jsonl": line({ id: "1" }) + line({ id: "2", finishedAt: "2026-02-01T00:00:00Z" }),
    "code-queue-mgr.jsonl": line({ ...supervised, id: "3", approval: { signer: "ann", expires: "x" } }),
    "pipeline.jsonl": line({ service: "pipeline", id: "4", stack: "unidesk-dev-d601" }),
  });
  const ids = async (...argv: string[]) => {
    const { stdout } = await cli("history", ...argv, "--json");
    return (JSON.parse(stdout) as { entries: { id: string }[] }).entries.map(({ id }) => id);
  };
  expect(await ids("frontend")).toEqual(["2", "1"]);
  expect(await ids("frontend", "--limit", "1")).toEqual(["2"]);
  expect((await ids("--env", "prod")).sort()).toEqual(["1", "2", "3"]);
  expect(await ids("--env", "dev")).toEqual(["4"]);
  const { stdout } = await cli("history", "code-queue-mgr", "--json");
  expect(JSON.parse(stdout)).toEqual({
    ok: true,
    entries: [{ ...entry, ...supervised, id: "3", approval: { signer: "ann", expires: "x" }, host: "main-server" }],
    warnings: [],
  });
});

test("says so where nothing was deployed", async () => {
  useHistory({});
  expect(await cli("history")).toEqual({ exitCode: 0, stdout: "no deployment is recorded\n", stderr: "" });
});

test("lines that are no entries are counted, and what moves a terminal is taken out of the others", async () => {
  const wrong = ["no JSON", "{}", line({ result: "fine" }).trim(), line({ finishedAt: "soon" }).trim(), '"text"'];
  useHistory({
    "frontend.jsonl": `${wrong.join("\n")}\n${line({ operator: "eve\u001b[2J\u202e\u0085" })}{"id":"cut`,
  });
  const { exitCode, stdout, stderr } = await cli("history", "--json");
  const { entries, warnings } = JSON.parse(stdout);
  expect(entries).toEqual([{ ...entry, operator: "eve?[2J??", host: "main-server" }]);
  expect(warnings).toEqual([
    expect.stringMatching(/^main-server: 6 line\(s\) in \/.*\/\.unidesk\/deploy-history are no history entries/),
  ]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect((await cli("history")).stderr).toBe(`warning: ${warnings[0]}\n`);
});

test("no more than the last 200 entries of a service in an environment are read", async () => {
  useHistory({ "frontend.jsonl": Array.from({ length: 250 }, (_, id) => line({ id: String(id) })).join("") });
  const { stdout } = await cli("history", "--limit", "1000", "--json");
  const { entries, warnings } = JSON.parse(stdout) as { entries: { id: string }[]; warnings: string[] };
  expect(entries).toHaveLength(200);
  expect(entries.map(({ id }) => Number(id)).sort((one, other) => one - other)[0]).toBe(50);
  expect(warnings).toEqual([]);
});

test("no line is wider than 80 columns, whatever the hosts say", async () => {
  useHistory({
    "frontend.jsonl": line({
      service: "a-service-with-a-very-long-name",
      result: "restore-failed",
      operator: "somebody.with.a.long.name@a-machine-with-a-long-name",
      bytes: 999_600,
      finishedAt: "2026-05-31T12:00:09Z",
    }),
  });
  const { stdout } = await cli("history");
  for (const text of stripVTControlCharacters(stdout).split("\n")) expect(text.length).toBeLessThanOrEqual(80);
});

describe("an unreachable host", () => {
  test("is a warning while another one answers", async () => {
    const { d601, "main-server": mainServer } = hostsJson();
    setSite({
      hosts: { d601: { ...d601, connection: "local", home: tempFolder() }, "main-server": { ...mainServer, ...dead } },
    });
    const { exitCode, stdout } = await cli("history", "--json");
    expect(JSON.parse(stdout)).toEqual({
      ok: true,
      entries: [],
      warnings: [
        expect.stringMatching(/^infra-blocked: main-server: cannot be reached by SSH at ubuntu@127\.0\.0\.1:1\n/),
      ],
    });
    expect(exitCode).toBe(0);
  });

  test("fails as infra-blocked if no host answers", async () => {
    const { d601, "main-server": mainServer } = hostsJson();
    setSite({ hosts: { d601: { ...d601, ...dead }, "main-server": { ...mainServer, ...dead } } });
    const { exitCode, stdout } = await cli("history", "--json");
    expect(JSON.parse(stdout)).toEqual({
      ok: false,
      decision: "infra-blocked",
      missingChannels: ["d601:ssh", "main-server:ssh"],
      entries: [],
      warnings: [expect.stringContaining("d601"), expect.stringContaining("main-server")],
    });
    expect(exitCode).toBe(3);
  });
});

describe("fails", () => {
  test.each([
    [["frontned"], "unknown service\n  found:   frontned\n"],
    [["--env", "staging"], '--env: found "staging"; must be one of prod, dev\n'],
    [["--limit", "0"], "--limit is no such number\n  found:   0\n  allowed: a whole number from 1 to 10000\n"],
    [["--limit", "ten"], "--limit is no such number\n  found:   ten\n"],
  ])("if it is asked with %s", async (argv, text) => {
    const { exitCode, stderr } = await cli("history", ...argv);
    expect(stderr).toContain(text);
    expect(exitCode).toBe(2);
  });
});
