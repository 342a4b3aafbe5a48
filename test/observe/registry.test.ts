import { describe, expect, test } from "vitest";
import { parseProbes } from "../../lib/observe/probe.ts";
import { readRegistry } from "../../lib/observe/registry.ts";
import { failureOf } from "../support.ts";

const hash = (letter: string) => letter.repeat(64);
const container = {
  status: "running",
  running: true,
  image: "registry:2.8.3",
  labels: { "dev.unidesk.registry.config-sha256": hash("c"), other: "x" },
  ports: { "5000/tcp": [{ HostIp: "127.0.0.1", HostPort: "5000" }], "5001/tcp": null },
};
/** Output of every probe that went well; a number is an exit code. */
const good: Record<string, string | number> = {
  unit: "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n",
  "file-config": `${hash("c")}\n`,
  "file-compose": `${hash("d")}\n`,
  "file-unit": "absent\n",
  docker: "26.1.5\n",
  container: JSON.stringify(container),
  listeners: "127.0.0.1:5000\n[::1]:5000\n",
  api: "200",
  storage: "present\n",
};

function read(changes: Record<string, string | number> = {}) {
  const lines = Object.entries({ ...good, ...changes }).map(([name, value]) => {
    const [code, text] = typeof value === "number" ? [value, "why"] : [0, value];
    return `registry.${name} ${code} ${Buffer.from(text).toString("base64") || "-"}`;
  });
  return readRegistry(parseProbes([...lines, "end"].join("\n"), "d601"));
}

test("is what the probes said", () => {
  expect(read()).toEqual({
    unit: { loaded: true, active: "active", enabled: "enabled" },
    files: { config: hash("c"), compose: hash("d"), unit: null },
    dockerVersion: "26.1.5",
    container: {
      status: "running",
      running: true,
      image: "registry:2.8.3",
      configSha256: hash("c"),
      published: [{ address: "127.0.0.1", port: 5000 }],
    },
    listeners: ["127.0.0.1:5000", "[::1]:5000"],
    apiStatus: 200,
    storage: true,
  });
});

test.each([
  [
    "no unit",
    { unit: "LoadState=not-found\nActiveState=inactive\nUnitFileState=\n" },
    { unit: { loaded: false, active: "inactive", enabled: "disabled" } },
  ],
  ["no Docker", { docker: 1, container: 1 }, { dockerVersion: null, container: null }],
  ["no container", { container: 1 }, { container: null }],
  ["no label", { container: JSON.stringify({ ...container, labels: null }) }, { container: { configSha256: null } }],
  ["no ports", { container: JSON.stringify({ ...container, ports: null }) }, { container: { published: [] } }],
  ["nothing listening", { listeners: "", api: "000" }, { listeners: [], apiStatus: 0 }],
  ["something else in a file's place", { "file-config": "other\n" }, { files: { config: "other" } }],
  ["no storage", { storage: "absent\n" }, { storage: false }],
])("%s", (_, changes, expected) => expect(read(changes as typeof good)).toMatchObject(expected));

describe("fails rather than guesses", () => {
  test.each(["unit", "file-config", "listeners", "api", "storage"])("if %s could not be looked at", (name) => {
    expect(failureOf(() => read({ [name]: 4 })).message).toBe(
      `d601: looking at registry.${name} failed (exit 4)\n  found:   why`,
    );
  });
});
