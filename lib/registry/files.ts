import { createHash } from "node:crypto";
import { stringify } from "yaml";
import { type HostPaths, hostPaths } from "../host-paths.ts";
import { registryConfigLabel } from "../labels.ts";
import type { RegistrySettings } from "./settings.ts";

/** A file whose whole content this project decides. */
export interface ManagedFile {
  /** Short name in messages, resource names and JSON. */
  readonly name: "config" | "compose" | "unit";
  readonly path: string;
  readonly content: string;
  /** Lowercase hex SHA-256 of the content. */
  readonly sha256: string;
  /** Octal mode as install(1) takes it. */
  readonly mode: "0644";
}

/** Port of the registry inside its container. */
export const containerPort = 5000;

/** The three files that make the registry; byte for byte what lands on the host. */
export function registryFiles(settings: RegistrySettings, host: { readonly home: string }): ManagedFile[] {
  const paths = hostPaths(host, settings.name);
  const config = managedFile("config", paths.registry.config, configYaml());
  const compose = managedFile("compose", paths.registry.compose, composeYaml(settings, paths, config.sha256));
  return [config, compose, managedFile("unit", paths.registry.unit, unitText(settings, paths))];
}

function managedFile(name: ManagedFile["name"], path: string, content: string): ManagedFile {
  return { name, path, content, sha256: createHash("sha256").update(content).digest("hex"), mode: "0644" };
}

/** Distribution 2.8 configuration. Deletion stays off: CD never deletes registry storage. */
function configYaml(): string {
  return stringify(
    {
      version: 0.1,
      log: { level: "info", fields: { service: "unidesk-artifact-registry" } },
      storage: {
        filesystem: { rootdirectory: "/var/lib/registry" },
        delete: { enabled: false },
        cache: { blobdescriptor: "inmemory" },
      },
      http: { addr: `:${containerPort}`, headers: { "X-Content-Type-Options": ["nosniff"] } },
      health: { storagedriver: { enabled: true, interval: "10s", threshold: 3 } },
    },
    { defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN" },
  );
}

/**
 * The label makes a changed config.yml a changed container. `create_host_path: false` because a bind
 * mount of a missing file would otherwise leave a root-owned folder of that name.
 */
function composeYaml(settings: RegistrySettings, paths: HostPaths, configSha256: string): string {
  const bind = (source: string, target: string, readOnly: boolean) => ({
    type: "bind",
    source,
    target,
    ...(readOnly ? { read_only: true } : {}),
    bind: { create_host_path: false },
  });
  return stringify(
    {
      name: settings.name,
      services: {
        registry: {
          image: settings.image,
          container_name: settings.name,
          restart: "no",
          ports: [
            { target: containerPort, published: String(settings.port), host_ip: settings.address, protocol: "tcp" },
          ],
          volumes: [
            bind(paths.registry.config, "/etc/docker/registry/config.yml", true),
            bind(paths.registry.storage, "/var/lib/registry", false),
          ],
          labels: { [registryConfigLabel]: configSha256 },
          logging: { driver: "json-file", options: { "max-size": "10m", "max-file": "3" } },
        },
      },
    },
    { defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN" },
  );
}

/** `docker`'s arguments for the registry's Compose project. */
export function composeArguments(settings: RegistrySettings, paths: HostPaths): string[] {
  return ["compose", "-p", settings.name, "-f", paths.registry.compose];
}

/** What the unit lives by, after `composeArguments`. */
export const composeUp = "up --abort-on-container-exit --remove-orphans";

/**
 * Foreground Compose under systemd. `Wants=`, not `Requires=`: with the latter the unit stays down
 * after docker was stopped and started. A leftover container of the name is removed first; the
 * storage is a bind mount and is not touched by that. `compose up` ends with 2 or 130 when it is told to
 * stop: that is a stop, not a failure.
 */
function unitText(settings: RegistrySettings, paths: HostPaths): string {
  const compose = `/usr/bin/docker ${composeArguments(settings, paths).join(" ")}`;
  return `[Unit]
Description=UniDesk artifact registry on loopback
Wants=docker.service
After=docker.service
StartLimitIntervalSec=0

[Service]
Type=simple
WorkingDirectory=${paths.registry.folder}
ExecStartPre=-/usr/bin/docker rm -f ${settings.name}
ExecStart=${compose} ${composeUp}
ExecStop=${compose} stop
Restart=always
RestartSec=2
TimeoutStartSec=300
TimeoutStopSec=45
SuccessExitStatus=2 130 143

[Install]
WantedBy=multi-user.target
`;
}
