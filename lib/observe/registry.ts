import * as z from "zod";
import type { Connection } from "../config/hosts.ts";
import { hostPaths } from "../host-paths.ts";
import { registryConfigLabel, registryReadOnlyLabel } from "../labels.ts";
import { overridePaths } from "../prune/read-only.ts";
import { newerFileFunction } from "../registry/scripts.ts";
import type { RegistrySettings } from "../registry/settings.ts";
import { shellCommand } from "../ssh/quote.ts";
import type { Probes } from "./probe.ts";

export interface PortBinding {
  readonly address: string;
  readonly port: number;
}

/** Everything about the registry that its host was seen to hold. */
export interface ObservedRegistry {
  readonly unit: {
    readonly loaded: boolean;
    readonly active: string;
    readonly enabled: string;
    /** The unit on disk is newer than what systemd has loaded. @default false */
    readonly needsReload?: true;
    /** Files that change this one unit, a prune's own left out. @default - none */
    readonly dropIns?: readonly string[];
  };
  /** SHA-256 of the managed files as they lie on the host; null where the file is absent. */
  readonly files: { readonly config: string | null; readonly compose: string | null; readonly unit: string | null };
  /** Version of the Docker Engine, or null where it does not answer. */
  readonly dockerVersion: string | null;
  readonly container: {
    readonly running: boolean;
    readonly status: string;
    /** Image as the container was created from: `registry:2.8.3`. */
    readonly image: string;
    /** Hash of the config.yml that it was started with. */
    readonly configSha256: string | null;
    readonly published: readonly PortBinding[];
    /** A managed file was written after it started. @default false */
    readonly olderFiles?: true;
    /** A prune has it read-only. @default false */
    readonly readOnly?: true;
  } | null;
  /** TCP listeners on the registry's port. */
  readonly listeners: readonly string[];
  /** HTTP status of GET /v2/, 0 where nothing answered. */
  readonly apiStatus: number;
  readonly storage: boolean;
}

const inspectFormat =
  '{"status":{{json .State.Status}},"running":{{json .State.Running}},"image":{{json .Config.Image}},"labels":{{json .Config.Labels}},"ports":{{json .NetworkSettings.Ports}}}';

/** The probes that `readRegistry` reads. */
export function registryProbes(host: Connection, settings: RegistrySettings): string {
  const { registry } = hostPaths(host, settings.name);
  const { port } = settings;
  const managed = [registry.config, registry.compose, registry.unit];
  return `${newerFileFunction}
hash_of() { local hash; if [ -f "$1" ]; then hash=$(sha256sum < "$1") && echo "\${hash%% *}"; elif [ -e "$1" ]; then echo other; else echo absent; fi; }
registry_api() { curl -s --noproxy '*' -o /dev/null --max-time 5 -w '%{http_code}' "http://127.0.0.1:${port}/v2/" || true; }
registry_listeners() { local all; all=$(ss -H -ltn "sport = :${port}") || return 1; printf '%s\\n' "$all" | awk '{ print $4 }'; }
registry_age() { if newer_file ${shellCommand([settings.name, ...managed])}; then echo older-files; fi; }
folder() { if [ -d "$1" ]; then echo present; else echo absent; fi; }
registry_subject() {
  [ "$1" = here ] || unknown_subject "registry/$1"
  probe_later registry.api registry_api
  probe_later registry.docker timeout 20 docker version -f '{{.Server.Version}}'
  probe_later registry.container timeout 20 ${shellCommand(["docker", "inspect", "--type", "container", "-f", inspectFormat, settings.name])}
  probe registry.unit systemctl show -p LoadState -p ActiveState -p UnitFileState -p NeedDaemonReload -p DropInPaths ${settings.name}.service
  probe registry.file-config ${shellCommand(["hash_of", registry.config])}
  probe registry.file-compose ${shellCommand(["hash_of", registry.compose])}
  probe registry.file-unit ${shellCommand(["hash_of", registry.unit])}
  probe registry.age registry_age
  probe registry.listeners registry_listeners
  probe registry.storage ${shellCommand(["folder", registry.storage])}
}
each registry registry_subject "$@"
`;
}

const Container = z.strictObject({
  status: z.string(),
  running: z.boolean(),
  image: z.string(),
  labels: z.record(z.string(), z.string()).nullable(),
  ports: z.record(z.string(), z.array(z.object({ HostIp: z.string(), HostPort: z.string() })).nullable()).nullable(),
});

export function readRegistry(probes: Probes, settings: Pick<RegistrySettings, "name">): ObservedRegistry {
  const unit = Object.fromEntries(
    probes
      .text("registry.unit")
      .trim()
      .split("\n")
      .map((line) => line.split("=", 2)),
  );
  const hash = (name: string) => {
    const text = probes.text(`registry.file-${name}`).trim();
    return text === "absent" ? null : text;
  };
  const dropIns = (unit.DropInPaths ?? "")
    .split(" ")
    .filter((path: string) => path.includes(`/${settings.name}.service.d/`) && path !== overridePaths(settings).dropIn);
  return {
    unit: {
      loaded: unit.LoadState === "loaded",
      active: unit.ActiveState ?? "unknown",
      enabled: unit.UnitFileState || "disabled",
      ...(unit.NeedDaemonReload === "yes" ? { needsReload: true } : {}),
      ...(dropIns.length > 0 ? { dropIns } : {}),
    },
    files: { config: hash("config"), compose: hash("compose"), unit: hash("unit") },
    dockerVersion: probes.optional("registry.docker")?.trim() || null,
    container: readContainer(probes.optional("registry.container"), probes.text("registry.age").trim() !== ""),
    listeners: probes.text("registry.listeners").split("\n").filter(Boolean),
    apiStatus: Number(probes.text("registry.api").trim()) || 0,
    storage: probes.text("registry.storage").trim() === "present",
  };
}

function readContainer(text: string | undefined, olderFiles: boolean): ObservedRegistry["container"] {
  if (!text) return null;
  const { status, running, image, labels, ports } = Container.parse(JSON.parse(text));
  const published = Object.values(ports ?? {}).flatMap((bindings) =>
    (bindings ?? []).map(({ HostIp, HostPort }) => ({ address: HostIp, port: Number(HostPort) })),
  );
  return {
    status,
    running,
    image,
    configSha256: labels?.[registryConfigLabel] ?? null,
    published,
    ...(running && olderFiles ? { olderFiles } : {}),
    ...(labels?.[registryReadOnlyLabel] ? { readOnly: true } : {}),
  };
}
