import type { ObservedRegistry } from "../observe/registry.ts";
import type { ManagedFile } from "../registry/files.ts";
import type { RegistrySettings } from "../registry/settings.ts";
import { isLoopback, listenerAddress } from "./drift.ts";
import { type Reason, verdictOf } from "./verdict.ts";

export const registryScopes = ["unit", "docker", "container", "listener", "api", "storage", "files", "image"] as const;
export type RegistryScope = (typeof registryScopes)[number];

export interface RegistryCheck {
  readonly ok: boolean;
  readonly reasons: readonly Reason[];
}

export type RegistryDecision = "healthy" | "not-installed" | "service-degraded" | "unhealthy";

export interface RegistryVerdict {
  readonly decision: RegistryDecision;
  readonly installed: boolean;
  readonly runtimeApiHealthy: boolean;
  readonly checks: Readonly<Record<RegistryScope, RegistryCheck>>;
  readonly reasons: readonly Reason[];
}

/** The one verdict about the registry: status, health, the check resource and the diff all ask it. */
export function judgeRegistry(
  observed: ObservedRegistry,
  settings: RegistrySettings,
  files: readonly ManagedFile[],
  host = "d601",
): RegistryVerdict {
  const filesCheck = judgeFiles(observed, files, host);
  const checks = {
    unit: judgeUnit(observed, settings, filesCheck.ok, host),
    docker: check(observed.dockerVersion === null && reason("Docker Engine", "answers", "no answer", host)),
    container: judgeContainer(observed, settings, files, filesCheck.ok, host),
    listener: judgeListener(observed, settings, host),
    api: check(
      observed.apiStatus !== 200 &&
        reason("GET /v2/", "200", String(observed.apiStatus), `${host} 127.0.0.1:${settings.port}`),
    ),
    storage: check(!observed.storage && reason("storage folder", "present", "absent", host)),
    files: filesCheck,
    image: judgeImage(observed, settings, host),
  } satisfies Record<RegistryScope, RegistryCheck>;
  const reasons = registryScopes.flatMap((scope) => checks[scope].reasons);
  const installed =
    observed.unit.loaded || observed.container !== null || Object.values(observed.files).some((hash) => hash !== null);
  const runtimeApiHealthy =
    observed.container?.running === true && checks.listener.ok && checks.api.ok && checks.docker.ok;
  const decision = decide(installed, reasons.length === 0, runtimeApiHealthy);
  return { decision, installed, runtimeApiHealthy, checks, reasons };
}

function decide(installed: boolean, asDeclared: boolean, apiHealthy: boolean): RegistryDecision {
  if (!installed) return "not-installed";
  if (asDeclared) return "healthy";
  return apiHealthy ? "service-degraded" : "unhealthy";
}

/** That something older than the files runs is news only where the files are as declared. */
function judgeUnit(
  observed: ObservedRegistry,
  settings: RegistrySettings,
  filesAsDeclared: boolean,
  host: string,
): RegistryCheck {
  const where = `${host} systemd unit ${settings.name}.service`;
  if (!observed.unit.loaded) return check(reason("unit", "loaded", "not found", where));
  return check(
    observed.unit.active !== "active" && reason("unit state", "active", observed.unit.active, where),
    observed.unit.enabled !== "enabled" && reason("unit at boot", "enabled", observed.unit.enabled, where),
    filesAsDeclared &&
      observed.unit.needsReload === true &&
      reason("unit as loaded", "the file on disk", "an older one", where),
    observed.unit.dropIns !== undefined && reason("unit drop-ins", "none", observed.unit.dropIns.join(", "), where),
  );
}

function judgeContainer(
  { container }: ObservedRegistry,
  settings: RegistrySettings,
  files: readonly ManagedFile[],
  filesAsDeclared: boolean,
  host: string,
): RegistryCheck {
  const where = `${host} container ${settings.name}`;
  if (!container) return check(reason("container", "running", "none", where));
  const config = files.find(({ name }) => name === "config");
  return check(
    !container.running && reason("container", "running", container.status, where),
    filesAsDeclared &&
      container.olderFiles === true &&
      reason("managed files at its start", "those on disk", "older ones", where),
    config !== undefined &&
      container.configSha256 !== config.sha256 &&
      reason("config.yml of the running container", config.sha256, container.configSha256 ?? "unknown", where),
  );
}

/** Loopback only, by what the kernel listens on and by what Docker published: an extra port counts too. */
function judgeListener(observed: ObservedRegistry, settings: RegistrySettings, host: string): RegistryCheck {
  const allowed = `127.0.0.1:${settings.port} or [::1]:${settings.port}`;
  const open = observed.listeners.filter((listener) => !isLoopback(listenerAddress(listener)));
  const published = (observed.container?.published ?? []).filter(
    ({ address, port }) => !isLoopback(address) || port !== settings.port,
  );
  return check(
    observed.listeners.length === 0 && reason("listener", allowed, "none", host),
    ...open.map((listener) => reason("listener", allowed, listener, host)),
    ...published.map(({ address, port }) => reason("published port", allowed, `${address || "0.0.0.0"}:${port}`, host)),
  );
}

function judgeFiles(observed: ObservedRegistry, files: readonly ManagedFile[], host: string): RegistryCheck {
  return check(
    ...files.map(
      ({ name, path, sha256 }) =>
        observed.files[name] !== sha256 &&
        reason(`${name} file`, sha256, observed.files[name] ?? "absent", `${host} ${path}`),
    ),
  );
}

function judgeImage({ container }: ObservedRegistry, settings: RegistrySettings, host: string): RegistryCheck {
  const where = `${host} container ${settings.name}`;
  return check(
    container?.image !== settings.image && reason("image", settings.image, container?.image ?? "no container", where),
  );
}

function reason(what: string, expected: string, found: string, where: string): Reason {
  return { what, expected, found, where };
}

function check(...reasons: readonly (Reason | false)[]): RegistryCheck {
  return verdictOf(reasons.map((candidate) => candidate || undefined));
}
