import { z } from "zod";
import type { Connection } from "../config/hosts.ts";
import { hostPaths } from "../host-paths.ts";
import { registryConfigLabel } from "../labels.ts";
import type { RegistrySettings } from "../registry/settings.ts";
import { mustRun } from "../ssh/script.ts";
import { parseProbes, probeEnd, probeNamed, probePrelude } from "./probe.ts";

export interface PortBinding {
  readonly address: string;
  readonly port: number;
}

/** Everything about the registry that its host was seen to hold. */
export interface ObservedRegistry {
  readonly unit: { readonly loaded: boolean; readonly active: string; readonly enabled: string };
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
  } | null;
  /** TCP listeners on the registry's port. */
  readonly listeners: readonly string[];
  /** HTTP status of GET /v2/, 0 where nothing answered. */
  readonly apiStatus: number;
  readonly storage: boolean;
}

/** Arguments: unit, config, compose, unit file, container, port, storage. */
const script = `${probePrelude}
unit=$1 config=$2 compose=$3 unit_file=$4 container=$5 port=$6 storage=$7
hash_of() { if [ -e "$1" ]; then sha256sum < "$1" | cut -d' ' -f1; else echo absent; fi; }
api() { curl -s --noproxy '*' -o /dev/null --max-time 5 -w '%{http_code}' "http://127.0.0.1:$port/v2/" || true; }
listeners() { ss -H -ltn "sport = :$port" | awk '{ print $4 }'; }
storage() { if [ -d "$storage" ]; then echo present; else echo absent; fi; }
container() { docker inspect --type container -f '{"status":{{json .State.Status}},"running":{{json .State.Running}},"image":{{json .Config.Image}},"labels":{{json .Config.Labels}},"ports":{{json .NetworkSettings.Ports}}}' "$container"; }
probe unit systemctl show -p LoadState -p ActiveState -p UnitFileState "$unit"
probe file-config hash_of "$config"
probe file-compose hash_of "$compose"
probe file-unit hash_of "$unit_file"
probe docker timeout 10 docker version -f '{{.Server.Version}}'
probe container container
probe listeners listeners
probe api api
probe storage storage
${probeEnd}`;

const Container = z.strictObject({
  status: z.string(),
  running: z.boolean(),
  image: z.string(),
  labels: z.record(z.string(), z.string()).nullable(),
  ports: z.record(z.string(), z.array(z.object({ HostIp: z.string(), HostPort: z.string() })).nullable()).nullable(),
});

export async function observeRegistry(host: Connection, settings: RegistrySettings): Promise<ObservedRegistry> {
  const { registry } = hostPaths(host, settings.name);
  const unit = `${settings.name}.service`;
  const args = [
    unit,
    registry.config,
    registry.compose,
    registry.unit,
    settings.name,
    String(settings.port),
    registry.storage,
  ];
  const probes = parseProbes(await mustRun(host, "look at the registry", script, args), host.name);
  const read = (name: string) => probeNamed(probes, name, host.name);
  const text = (name: string) => (read(name).exitCode === 0 ? read(name).text.trim() : "");
  const properties = Object.fromEntries(
    text("unit")
      .split("\n")
      .map((line) => line.split("=", 2)),
  );
  return {
    unit: {
      loaded: properties.LoadState === "loaded",
      active: properties.ActiveState ?? "unknown",
      enabled: properties.UnitFileState || "disabled",
    },
    files: { config: hash(text("file-config")), compose: hash(text("file-compose")), unit: hash(text("file-unit")) },
    dockerVersion: text("docker") || null,
    container: readContainer(text("container")),
    listeners: text("listeners").split("\n").filter(Boolean),
    apiStatus: Number(text("api")) || 0,
    storage: text("storage") === "present",
  };
}

function hash(value: string): string | null {
  return /^[0-9a-f]{64}$/.test(value) ? value : null;
}

function readContainer(text: string): ObservedRegistry["container"] {
  if (text === "") return null;
  const { status, running, image, labels, ports } = Container.parse(JSON.parse(text));
  const published = Object.values(ports ?? {}).flatMap((bindings) =>
    (bindings ?? []).map(({ HostIp, HostPort }) => ({ address: HostIp, port: Number(HostPort) })),
  );
  return { status, running, image, configSha256: labels?.[registryConfigLabel] ?? null, published };
}
