import type { Environment } from "../config/values.ts";
import { services } from "./services.ts";
import type { CatalogEntry, Consumer, Runtime, Unsupported } from "./types.ts";

export type {
  AuthSync,
  CatalogEntry,
  ComposeRuntime,
  Consumer,
  GateSpec,
  HealthSpec,
  K3sRuntime,
  K3sVolume,
  K3sWorkload,
  PlanOnly,
  Runtime,
  Supervised,
  Unsupported,
} from "./types.ts";

const byId = new Map(services.map((entry) => [entry.service, entry]));

export function catalog(): readonly CatalogEntry[] {
  return services;
}

export function findService(service: string): CatalogEntry | undefined {
  return byId.get(service);
}

/** Services that can be pinned in an environment. */
export function deployableServices(environment: Environment): string[] {
  return services.filter((entry) => isConsumer(entry.consumers[environment])).map((entry) => entry.service);
}

export function isConsumer(value: Consumer | Unsupported | undefined): value is Consumer {
  return value !== undefined && "runtime" in value;
}

/** `main-server/unidesk-frontend`, `d601/unidesk-dev/frontend-dev`: where a service runs, for people. */
export function placeOf(runtime: Runtime): string {
  if (runtime.kind === "compose") return `${runtime.host}/${runtime.container}`;
  return runtime.workloads.map(({ name }) => `${runtime.host}/${runtime.namespace}/${name}`).join(", ");
}

/**
 * What follows the prefix in the keys that a deployment owns, as an alternation for awk and sed. A key such
 * as UNIDESK_GITHUB_DEPLOY_TOKEN is somebody else's secret.
 */
export const deployKeySuffixes = "(COMMIT|REQUESTED_COMMIT|DIGEST|IMAGE)";

/** `UNIDESK_TODO_NOTE_DEPLOY_`: prefix of the keys that a deployment owns in the controlled env file. */
export function deployKeyPrefix(service: string): string {
  return `UNIDESK_${service.toUpperCase().replaceAll("-", "_")}_DEPLOY_`;
}
