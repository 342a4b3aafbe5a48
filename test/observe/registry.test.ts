import { describe, expect, test } from "vitest";
import { parseProbes, probeEnd, probePrelude } from "../../lib/observe/probe.ts";
import { readRegistry, registryProbes } from "../../lib/observe/registry.ts";
import { RegistrySettings } from "../../lib/registry/settings.ts";
import { bash, failureOf, localHost, tempFolder, write } from "../support.ts";

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
  unit: "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nNeedDaemonReload=no\nDropInPaths=/run/systemd/system/unidesk-artifact-registry.service.d/50-unidesk-prune.conf /etc/systemd/system/service.d/all.conf\n",
  age: "",
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
  return readRegistry(parseProbes([...lines, "end"].join("\n"), "d601"), { name: "unidesk-artifact-registry" });
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
  [
    "a unit that somebody changed",
    {
      unit: "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nNeedDaemonReload=yes\nDropInPaths=/etc/systemd/system/unidesk-artifact-registry.service.d/override.conf\n",
    },
    {
      unit: {
        needsReload: true,
        dropIns: ["/etc/systemd/system/unidesk-artifact-registry.service.d/override.conf"],
      },
    },
  ],
  ["older files", { age: "older-files\n" }, { container: { olderFiles: true } }],
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

describe("a real bash", () => {
  const home = tempFolder();
  write(home, ".unidesk/artifact-registry/config.yml", "a");
  /** Probes with some commands as shell functions. */
  const look = (commands: string) => {
    const probes = registryProbes(localHost(home), RegistrySettings.parse({}));
    const others = "timeout() { return 1; }; systemctl() { echo LoadState=loaded; }; curl() { echo 200; }";
    const script = `${probePrelude}\n${others}; ss() { :; }\n${commands}\n${probes}\n${probeEnd}`;
    return parseProbes(bash(script, ["registry/here="]).stdout.toString(), "d601");
  };

  test("finds files and listeners", () => {
    const probes = look(`ss() { echo "LISTEN 0 4096 127.0.0.1:5000 0.0.0.0:*"; }`);
    expect(probes.text("registry.file-config")).toBe(
      "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb\n",
    );
    expect(probes.text("registry.listeners")).toBe("127.0.0.1:5000\n");
  });

  test("nothing listening is an answer", () => expect(look("").text("registry.listeners").trim()).toBe(""));

  const started = (when: string) => `timeout() { [ "$3" = inspect ] || return 1; date -d '${when}' -Ins; }`;
  test.each([
    ["written after the container started", started("1 hour ago"), "older-files\n"],
    ["written before", started("1 hour"), ""],
    ["without a container", "", ""],
  ])("managed files %s", (_, commands, text) => expect(look(commands).text("registry.age")).toBe(text));

  test.each([
    ["file-config", "sha256sum() { echo why >&2; return 1; }"],
    ["listeners", "ss() { echo why >&2; return 1; }"],
  ])("fails if the command of %s does, whatever its output is piped into", (name, commands) => {
    expect(look(commands).get(`registry.${name}`)).toEqual({ exitCode: 1, text: "why\n" });
  });
});
