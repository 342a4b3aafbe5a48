import type { PlanOnly } from "../catalog/index.ts";
import type { ComposeTarget } from "../compose/target.ts";
import type { Connection, HostName } from "../config/hosts.ts";
import type { Environment } from "../config/values.ts";
import type { RolledAuth } from "../kubernetes/auth-rollout.ts";
import type { AuthSyncSpec, ClusterTarget, K3sTarget } from "../kubernetes/target.ts";
import type { ReceiptKey } from "../receipts.ts";
import type { RegistrySettings } from "../registry/settings.ts";
import type { WantedArtifact } from "../verdicts/artifact.ts";

/** Where an artifact is read from. */
export interface RegistrySource {
  readonly host: HostName;
  /** Port of the registry on that host's loopback. */
  readonly port: number;
}

interface PinnedCommit {
  readonly service: string;
  readonly commit: string;
}

/** The spec of every step, by the step's name. Plain data: it is handed over as JSON and never holds a secret. */
export interface StepSpecs {
  "registry-health": { readonly host: HostName; readonly settings: RegistrySettings };
  "host-script": { readonly host: HostName; readonly purpose: string; readonly script: string; readonly input: string };
  "artifact-preflight": {
    readonly registry: RegistrySource;
    readonly target: HostName;
    /** With the image's name in Docker where it runs by Compose; else it belongs to containerd. */
    readonly pins: readonly (WantedArtifact & { readonly stableImage?: string })[];
  };
  "image-delivery": {
    readonly registry: RegistrySource;
    readonly target: HostName;
    readonly artifact: WantedArtifact;
    readonly stableImage: string;
  };
  "compose-deployment": { readonly artifact: WantedArtifact; readonly target: ComposeTarget };
  "image-label-check": { readonly artifact: WantedArtifact; readonly target: ComposeTarget };
  "health-commit-check": { readonly artifact: WantedArtifact; readonly target: ComposeTarget };
  "approval-gate": { readonly artifact: PinnedCommit; readonly environment: Environment };
  "k3s-namespace": { readonly cluster: ClusterTarget; readonly namespace: string };
  "auth-sync": AuthSyncSpec;
  "containerd-image": {
    readonly registry: RegistrySource;
    readonly target: HostName;
    readonly artifact: WantedArtifact;
  };
  "k3s-rollout": {
    readonly artifact: WantedArtifact;
    readonly target: K3sTarget;
    /**
     * Generations of the live Deployments by name, null for one that is not there or wants no pod, as they were seen before
     * the apply: what differs then was changed by it. Absent where nobody looked. No part of what is declared, so that no trigger says it.
     */
    readonly seen?: Readonly<Record<string, number | null>>;
    /** Where a sync of `.auth` came before. */
    readonly auth?: RolledAuth;
  };
  "k3s-health-check": { readonly artifact: WantedArtifact; readonly target: K3sTarget };
  "plan-only": { readonly pins: readonly (PinnedCommit & { readonly environment: Environment } & PlanOnly)[] };
}
export type StepName = keyof StepSpecs;

/** What to leave on a host after the step succeeded. */
export interface StepReceipt {
  readonly host: HostName;
  readonly key: ReceiptKey;
  readonly spec: string;
}

/** What a step runs with besides its spec. */
export interface StepContext {
  connection(host: HostName): Connection;
  /** One line of progress for the person who watches the apply. */
  say(line: string): void;
  /** Id that all steps of one apply share: those of one's own run never count as somebody else. */
  readonly runId: string;
  /** Who applies: `user@machine`. */
  readonly operator: string;
  /** What `receipt` the step leaves when it succeeds. */
  readonly receipt?: StepReceipt;
  /** The verified approval of a supervised step. */
  readonly approval?: { readonly signer: string; readonly expires: string };
}
