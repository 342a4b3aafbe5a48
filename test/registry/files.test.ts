import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { checkValue } from "../../lib/config/json-file.ts";
import { registryFiles } from "../../lib/registry/files.ts";
import { RegistrySettings } from "../../lib/registry/settings.ts";

const home = "/home/ubuntu";
const rendered = (settings: object = {}) => {
  const files = registryFiles(checkValue(settings, "registry", RegistrySettings), { home });
  const named = (name: string) => {
    const file = files.find((one) => one.name === name);
    if (!file) throw new Error(`no file ${name}`);
    return file;
  };
  return { files, config: named("config"), compose: named("compose"), unit: named("unit") };
};
const { files, config, compose, unit } = rendered();

test("the files lie where the operators know them", () => {
  expect(files.map(({ name, path, mode }) => [name, path, mode])).toEqual([
    ["config", "/home/ubuntu/.unidesk/artifact-registry/config.yml", "0644"],
    ["compose", "/home/ubuntu/.unidesk/artifact-registry/compose.yml", "0644"],
    ["unit", "/etc/systemd/system/unidesk-artifact-registry.service", "0644"],
  ]);
});

test("each hash is of its content", () => {
  for (const { content, sha256 } of files) expect(sha256).toBe(createHash("sha256").update(content).digest("hex"));
});

test("rendering again gives the same bytes", () => expect(rendered().files).toEqual(files));

test("config.yml never deletes, and its address is text", () => {
  expect(parse(config.content)).toMatchObject({
    version: 0.1,
    storage: { delete: { enabled: false }, filesystem: { rootdirectory: "/var/lib/registry" } },
    http: { addr: ":5000" },
  });
  // `addr: :5000` without quotes is read as something else by Distribution's parser (lab.md).
  expect(config.content).toContain('addr: ":5000"');
});

describe("compose.yml", () => {
  const { name, services } = parse(compose.content);

  test("is one container that only systemd starts again", () => {
    expect(name).toBe("unidesk-artifact-registry");
    expect(Object.keys(services)).toEqual(["registry"]);
    expect(services.registry).toMatchObject({
      image: "registry:2.8.3",
      container_name: "unidesk-artifact-registry",
      restart: "no",
    });
    // Without the quotes YAML 1.1 reads `no` as false.
    expect(compose.content).toContain('restart: "no"');
  });

  test("publishes one port, on the loopback", () => {
    expect(services.registry.ports).toEqual([
      { target: 5000, published: "5000", host_ip: "127.0.0.1", protocol: "tcp" },
    ]);
    expect(services.registry).not.toHaveProperty("network_mode");
  });

  test("mounts the configuration read-only and never makes a folder in its place", () => {
    expect(services.registry.volumes).toEqual([
      {
        type: "bind",
        source: config.path,
        target: "/etc/docker/registry/config.yml",
        read_only: true,
        bind: { create_host_path: false },
      },
      {
        type: "bind",
        source: "/home/ubuntu/.unidesk/registry-storage",
        target: "/var/lib/registry",
        bind: { create_host_path: false },
      },
    ]);
  });

  test("says which config.yml its container runs with", () => {
    expect(services.registry.labels).toEqual({ "dev.unidesk.registry.config-sha256": config.sha256 });
  });
});

describe("the unit", () => {
  /** Values of a directive in a section. */
  function directive(section: string, name: string): string[] {
    const [, body = ""] = unit.content.split(`[${section}]\n`);
    const lines = (body.split("\n[")[0] ?? "").split("\n");
    return lines.filter((line) => line.startsWith(`${name}=`)).map((line) => line.slice(name.length + 1));
  }
  const inFolder =
    "/usr/bin/docker compose -p unidesk-artifact-registry -f /home/ubuntu/.unidesk/artifact-registry/compose.yml";

  test.each([
    ["Unit", "Wants", "docker.service"],
    ["Unit", "After", "docker.service"],
    ["Unit", "StartLimitIntervalSec", "0"],
    ["Service", "Type", "simple"],
    ["Service", "Restart", "always"],
    ["Service", "RestartSec", "2"],
    ["Service", "ExecStartPre", "-/usr/bin/docker rm -f unidesk-artifact-registry"],
    ["Service", "ExecStart", `${inFolder} up --abort-on-container-exit --remove-orphans`],
    ["Service", "ExecStop", `${inFolder} stop`],
    ["Install", "WantedBy", "multi-user.target"],
  ])("[%s] %s=%s", (section, name, value) => expect(directive(section, name)).toEqual([value]));

  test("does not stay down with Docker, and does not end while the container runs", () => {
    expect(unit.content).not.toMatch(/^(Requires|BindsTo|PartOf|RemainAfterExit)=/m);
    expect(unit.content).not.toMatch(/ up .*(-d|--detach)\b/);
  });
});

test("another image changes compose.yml alone", () => {
  const other = rendered({ image: "registry:2.8.2" });
  expect(parse(other.compose.content).services.registry.image).toBe("registry:2.8.2");
  expect(other.config).toEqual(config);
  expect(other.unit).toEqual(unit);
});

test("another port is published, and the container's own stays", () => {
  const { services } = parse(rendered({ port: 5001 }).compose.content);
  expect(services.registry.ports).toMatchObject([{ target: 5000, published: "5001", host_ip: "127.0.0.1" }]);
});

test("another name is another unit, project and container", () => {
  const other = rendered({ name: "second" });
  expect(other.unit.path).toBe("/etc/systemd/system/second.service");
  expect(other.unit.content).toContain("compose -p second ");
  expect(parse(other.compose.content)).toMatchObject({
    name: "second",
    services: { registry: { container_name: "second" } },
  });
});
