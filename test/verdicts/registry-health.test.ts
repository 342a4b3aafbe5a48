import { describe, expect, test } from "vitest";
import { checkValue } from "../../lib/config/json-file.ts";
import type { ObservedRegistry } from "../../lib/observe/registry.ts";
import { registryFiles } from "../../lib/registry/files.ts";
import { RegistrySettings } from "../../lib/registry/settings.ts";
import { judgeRegistry, registryScopes } from "../../lib/verdicts/registry-health.ts";

const settings = checkValue({}, "registry", RegistrySettings);
const files = registryFiles(settings, { home: "/home/ubuntu" });
const [config = "", compose = "", unit = ""] = files.map(({ sha256 }) => sha256);
const container = {
  running: true,
  status: "running",
  image: "registry:2.8.3",
  configSha256: config,
  published: [{ address: "127.0.0.1", port: 5000 }],
};
const healthy: ObservedRegistry = {
  unit: { loaded: true, active: "active", enabled: "enabled" },
  files: { config, compose, unit },
  dockerVersion: "26.1.5",
  container,
  listeners: ["127.0.0.1:5000"],
  apiStatus: 200,
  storage: true,
};
const judge = (changes: Partial<ObservedRegistry>) => judgeRegistry({ ...healthy, ...changes }, settings, files);
const withContainer = (changes: object) => judge({ container: { ...container, ...changes } });
const loopback = "127.0.0.1:5000 or [::1]:5000";
const unitAt = "d601 systemd unit unidesk-artifact-registry.service";
const containerAt = "d601 container unidesk-artifact-registry";

test("is healthy as declared", () => {
  expect(judge({})).toEqual({
    decision: "healthy",
    installed: true,
    runtimeApiHealthy: true,
    checks: Object.fromEntries(registryScopes.map((scope) => [scope, { ok: true, reasons: [] }])),
    reasons: [],
  });
});

test.each([["127.0.0.1:5000", "[::1]:5000"], ["[::1]:5000"], ["127.0.0.1%lo:5000"], ["[::1]%lo:5000"]])(
  "is healthy with listeners %s",
  (...listeners) => expect(judge({ listeners }).decision).toBe("healthy"),
);

test("is healthy published on ::1", () => {
  expect(withContainer({ published: [{ address: "::1", port: 5000 }] }).decision).toBe("healthy");
});

test("an edited file is the one reason, not also that something older than it runs", () => {
  const { checks } = judge({
    files: { ...healthy.files, unit: "0".repeat(64) },
    unit: { ...healthy.unit, needsReload: true },
    container: { ...container, olderFiles: true },
  });
  expect(registryScopes.filter((scope) => !checks[scope].ok)).toEqual(["files"]);
});

/** Exactly one scope is red, with exactly this reason. */
const cases: [string, Partial<ObservedRegistry>, string, string, object][] = [
  [
    "the unit was changed and not loaded again",
    { unit: { ...healthy.unit, needsReload: true } },
    "unit",
    "service-degraded",
    { what: "unit as loaded", expected: "the file on disk", found: "an older one", where: unitAt },
  ],
  [
    "somebody added to the unit",
    { unit: { ...healthy.unit, dropIns: ["/etc/systemd/system/x.service.d/override.conf"] } },
    "unit",
    "service-degraded",
    {
      what: "unit drop-ins",
      expected: "none",
      found: "/etc/systemd/system/x.service.d/override.conf",
      where: unitAt,
    },
  ],
  [
    "it was not started again after its files were written",
    { container: { ...container, olderFiles: true } },
    "container",
    "service-degraded",
    { what: "managed files at its start", expected: "those on disk", found: "older ones", where: containerAt },
  ],
  [
    "the unit is not active",
    { unit: { ...healthy.unit, active: "failed" } },
    "unit",
    "service-degraded",
    { what: "unit state", expected: "active", found: "failed", where: unitAt },
  ],
  [
    "the unit is not enabled",
    { unit: { ...healthy.unit, enabled: "disabled" } },
    "unit",
    "service-degraded",
    { what: "unit at boot", expected: "enabled", found: "disabled", where: unitAt },
  ],
  [
    "the unit is not loaded",
    { unit: { loaded: false, active: "inactive", enabled: "disabled" } },
    "unit",
    "service-degraded",
    { what: "unit", expected: "loaded", found: "not found", where: unitAt },
  ],
  [
    "Docker does not answer",
    { dockerVersion: null },
    "docker",
    "unhealthy",
    { what: "Docker Engine", expected: "answers", found: "no answer", where: "d601" },
  ],
  [
    "the container does not run",
    { container: { ...container, running: false, status: "exited" } },
    "container",
    "unhealthy",
    { what: "container", expected: "running", found: "exited", where: containerAt },
  ],
  [
    "the container was started with another config.yml",
    { container: { ...container, configSha256: "0".repeat(64) } },
    "container",
    "service-degraded",
    { what: "config.yml of the running container", expected: config, found: "0".repeat(64), where: containerAt },
  ],
  [
    "the container does not say its config.yml",
    { container: { ...container, configSha256: null } },
    "container",
    "service-degraded",
    { what: "config.yml of the running container", expected: config, found: "unknown", where: containerAt },
  ],
  [
    "the container runs another image",
    { container: { ...container, image: "registry:latest" } },
    "image",
    "service-degraded",
    { what: "image", expected: "registry:2.8.3", found: "registry:latest", where: containerAt },
  ],
  [
    "nothing listens",
    { listeners: [] },
    "listener",
    "unhealthy",
    { what: "listener", expected: loopback, found: "none", where: "d601" },
  ],
  ...["*:5000", "0.0.0.0:5000", "[::]:5000", "192.168.1.5:5000", "127.0.0.2:5000", "[fe80::1]%eth0:5000"].map(
    (listener): (typeof cases)[number] => [
      `${listener} is open beside the loopback`,
      { listeners: ["127.0.0.1:5000", listener] },
      "listener",
      "unhealthy",
      { what: "listener", expected: loopback, found: listener, where: "d601" },
    ],
  ),
  ...[
    { address: "0.0.0.0", port: 5000 },
    { address: "::", port: 5000 },
    { address: "192.168.1.5", port: 5000 },
    { address: "127.0.0.1", port: 5001 },
  ].map((binding): (typeof cases)[number] => [
    `Docker publishes ${binding.address} port ${binding.port} as well`,
    { container: { ...container, published: [...container.published, binding] } },
    "listener",
    "unhealthy",
    { what: "published port", expected: loopback, found: `${binding.address}:${binding.port}`, where: "d601" },
  ]),
  [
    "Docker publishes on every address",
    { container: { ...container, published: [{ address: "", port: 5000 }] } },
    "listener",
    "unhealthy",
    { what: "published port", expected: loopback, found: "0.0.0.0:5000", where: "d601" },
  ],
  ...[0, 401, 503].map((apiStatus): (typeof cases)[number] => [
    `the API answers ${apiStatus}`,
    { apiStatus },
    "api",
    "unhealthy",
    { what: "GET /v2/", expected: "200", found: String(apiStatus), where: "d601 127.0.0.1:5000" },
  ]),
  [
    "the storage folder is gone",
    { storage: false },
    "storage",
    "service-degraded",
    { what: "storage folder", expected: "present", found: "absent", where: "d601" },
  ],
  ...files.flatMap(({ name, path, sha256 }): (typeof cases)[number][] =>
    [null, "f".repeat(64)].map((found) => [
      `the ${name} file is ${found ? "another one" : "gone"}`,
      { files: { ...healthy.files, [name]: found } },
      "files",
      "service-degraded",
      { what: `${name} file`, expected: sha256, found: found ?? "absent", where: `d601 ${path}` },
    ]),
  ),
];

test.each(cases)("fails if %s", (_, changes, scope, decision, reason) => {
  const verdict = judge(changes);
  expect(verdict.reasons).toEqual([reason]);
  expect(registryScopes.filter((name) => !verdict.checks[name].ok)).toEqual([scope]);
  expect(verdict).toMatchObject({ decision, installed: true });
  expect(verdict.runtimeApiHealthy).toBe(decision === "service-degraded");
});

describe("without a container", () => {
  test("fails for container and image", () => {
    const verdict = judge({ container: null });
    expect(verdict.reasons).toEqual([
      { what: "container", expected: "running", found: "none", where: containerAt },
      { what: "image", expected: "registry:2.8.3", found: "no container", where: containerAt },
    ]);
    expect(verdict).toMatchObject({ decision: "unhealthy", installed: true, runtimeApiHealthy: false });
  });

  const nothing: ObservedRegistry = {
    unit: { loaded: false, active: "inactive", enabled: "disabled" },
    files: { config: null, compose: null, unit: null },
    dockerVersion: "26.1.5",
    container: null,
    listeners: [],
    apiStatus: 0,
    storage: true,
  };

  test("unit and files it is not installed, also where an old storage folder lies", () => {
    expect(judge(nothing)).toMatchObject({ decision: "not-installed", installed: false, runtimeApiHealthy: false });
  });

  test("fails to be not-installed if one file is there", () => {
    expect(judge({ ...nothing, files: { ...nothing.files, compose } })).toMatchObject({
      decision: "unhealthy",
      installed: true,
    });
  });
});
