import type { Environment } from "../config/values.ts";

/** How a consumer says which commit it runs. */
export interface HealthSpec {
  /** Path of the HTTP request. @default "/health" */
  readonly path?: string;
  /** TCP port inside the container. */
  readonly port: number;
  /** How long a freshly started container may take to answer well, in seconds. @default 60 */
  readonly deadlineSeconds?: number;
}

/** A service of a Docker Compose project on one host. */
export interface ComposeRuntime {
  readonly kind: "compose";
  readonly host: "main-server" | "d601";
  /** Service name in the Compose file. */
  readonly composeService: string;
  /** `container_name` of that service. */
  readonly container: string;
  /** Image name that the Compose file uses, without a tag. */
  readonly stableImage: string;
  readonly health: HealthSpec;
}

/** One place where a service runs in one environment. */
export interface Consumer {
  readonly runtime: ComposeRuntime;
}

/** A refusal that is part of the catalog: pins of it are rejected with this decision. */
export interface Unsupported {
  readonly decision: "unsupported";
  readonly reason: string;
}

/** One deployable service: this entry, one `CI.json` entry and one pin are all that it takes. */
export interface CatalogEntry {
  readonly service: string;
  readonly consumers: Partial<Record<Environment, Consumer | Unsupported>>;
}
