import type { Connection, HostName } from "../config/hosts.ts";
import type { RegistrySettings } from "../registry/settings.ts";
import type { WantedArtifact } from "../verdicts/artifact.ts";

/** Where an artifact is read from. */
export interface RegistrySource {
  readonly host: HostName;
  /** Port of the registry on that host's loopback. */
  readonly port: number;
}

/** A service of a Compose project, as deployed and as looked at. */
export interface ComposeTarget {
  readonly host: HostName;
  readonly container: string;
  readonly composeService: string;
  /** Image name of the Compose file, without a tag. */
  readonly stableImage: string;
  readonly project: string;
  /** Project folder on the host. */
  readonly root: string;
  /** Compose file, relative to the project folder. */
  readonly file: string;
  /** The controlled env file, or the config.json that names it. */
  readonly envFile: { readonly path: string } | { readonly configJson: string };
  readonly health: { readonly port: number; readonly path: string; readonly deadlineSeconds: number };
}

/** The spec of every step, by the step's name. Plain data: it is handed over as JSON and never holds a secret. */
export interface StepSpecs {
  "registry-health": { readonly host: HostName; readonly settings: RegistrySettings };
  "host-script": { readonly host: HostName; readonly purpose: string; readonly script: string; readonly input: string };
  "artifact-preflight": {
    readonly registry: RegistrySource;
    readonly target: HostName;
    readonly pins: readonly (WantedArtifact & { readonly stableImage: string })[];
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
}
export type StepName = keyof StepSpecs;

/** What a step runs with besides its spec. */
export interface StepContext {
  connection(host: HostName): Connection;
  /** One line of progress for the person who watches the apply. */
  say(line: string): void;
}
