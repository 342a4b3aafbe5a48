import type { HostName } from "../config/hosts.ts";
import type { Environment } from "../config/values.ts";

/** How a consumer says which commit it runs. */
export interface HealthSpec {
  /** Path of the HTTP request. @default "/health" */
  readonly path?: string;
  /** TCP port inside the container. */
  readonly port: number;
  /** How long a freshly started container may take to answer well, in seconds. @default 60 */
  readonly deadlineSeconds?: number;
  /**
   * Where the live commit is read: in the reply's `deploy`, or, for a service that knows nothing of it, from
   * the deploy metadata that the container was started with, beside a reply of 200. @default "reply"
   */
  readonly commitFrom?: "reply" | "container";
}

/** A named verdict about one more reply of the service, after a deployment and whenever it is looked at. */
export type GateSpec = {
  /** Path of the HTTP request. */
  readonly path: string;
  /** What an operator does about a failure. */
  readonly remedy: string;
} & (
  | {
      /** Every key below `under` is the boolean true. */
      readonly verdict: "all-true";
      readonly under: string;
      readonly keys: readonly string[];
    }
  | {
      /** The reply is a JSON object with none of the keys. */
      readonly verdict: "absent";
      readonly keys: readonly string[];
    }
);

/** A service of a Docker Compose project on one host. */
export interface ComposeRuntime {
  readonly kind: "compose";
  readonly host: HostName;
  /** Service name in the Compose file. */
  readonly composeService: string;
  /** `container_name` of that service. */
  readonly container: string;
  /** Image name that the Compose file uses, without a tag. */
  readonly stableImage: string;
  readonly health: HealthSpec;
  /** @default - the health alone */
  readonly gates?: readonly GateSpec[];
  /** Keys that the controlled env file must hold before a recreate; their values are never read out. @default - none */
  readonly secrets?: readonly string[];
}

/** A file tree of a workload's container. Nothing of the node itself: a hostPath would leave the cluster. */
export interface K3sVolume {
  readonly name: string;
  readonly mountPath: string;
  readonly source:
    | { readonly kind: "EmptyDir" }
    | { readonly kind: "ConfigMap" | "Secret" | "PersistentVolumeClaim"; readonly name: string };
}

/** One Deployment of one container, with a ClusterIP Service of the same name in front of it. */
export interface K3sWorkload {
  /** Name of the Deployment, of its container and of its Service. */
  readonly name: string;
  /** TCP port of the container and of the Service; health and probes are asked there. */
  readonly port: number;
  /** @default 1 */
  readonly replicas?: number;
  /** Environment besides UNIDESK_DEPLOY_*; never a secret. @default - none */
  readonly env?: Readonly<Record<string, string>>;
  /** Whole ConfigMaps and Secrets of the namespace as environment. @default - none */
  readonly envFrom?: readonly { readonly kind: "ConfigMap" | "Secret"; readonly name: string }[];
  /** Kubernetes quantities. @default - requests of 10m CPU and 32Mi, a limit of 256Mi memory */
  readonly resources?: {
    readonly requests?: { readonly cpu?: string; readonly memory?: string };
    readonly limits?: { readonly cpu?: string; readonly memory?: string };
  };
  /** @default - none */
  readonly volumes?: readonly K3sVolume[];
}

/** `config.json` `.auth` of main-server, handed to a namespace before the rollout. */
export interface AuthSync {
  /** Fields that become keys of a Secret: field of `.auth` to key. */
  readonly secret: { readonly name: string; readonly keys: Readonly<Record<string, string>> };
  /** Fields that anybody may read and that become keys of a ConfigMap. */
  readonly configMap: { readonly name: string; readonly keys: Readonly<Record<string, string>> };
}

/** A service on D601's native k3s: one or more workloads of one image. */
export interface K3sRuntime {
  readonly kind: "k3s";
  readonly host: "d601";
  readonly namespace: string;
  readonly workloads: readonly K3sWorkload[];
  /** `port` is each workload's own; `deadlineSeconds` bounds the rollout. */
  readonly health: Omit<HealthSpec, "port" | "commitFrom">;
  /** @default - none */
  readonly authSync?: AuthSync;
}

export type Runtime = ComposeRuntime | K3sRuntime;

/** Deployed only with a person's signed approval, in a stack of its own. */
export interface Supervised {
  /** What an apply touches, and all that it touches. */
  readonly affectedRuntime: string;
  /** What it never touches, by name. */
  readonly excludedTargets: readonly string[];
}

/** A consumer that is planned and never applied. */
export interface PlanOnly {
  readonly decision: "plan-only" | "blocked";
  readonly reason: string;
}

/** One place where a service runs in one environment. */
export interface Consumer<R extends Runtime = Runtime> {
  readonly runtime: R;
  /** @default - applied without an approval */
  readonly supervised?: Supervised;
  /** @default - deployable */
  readonly planOnly?: PlanOnly;
}

/** A refusal that is part of the catalog: pins of it are rejected with this decision. */
export interface Unsupported {
  readonly decision: "unsupported";
  readonly reason: string;
  /** What is never touched because of it, by name. */
  readonly excludedTargets: readonly string[];
}

/** One deployable service: this entry, one `CI.json` entry and one pin are all that it takes. */
export interface CatalogEntry {
  readonly service: string;
  readonly consumers: Partial<Record<Environment, Consumer | Unsupported>>;
}
