import type { ComposeRuntime, GateSpec, HealthSpec } from "../catalog/index.ts";
import type { HostName } from "../config/hosts.ts";
import type { Site } from "../config/site.ts";
import { UserError } from "../errors.ts";

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
  /** Compose files, one a line, absolute or relative to the project folder. */
  readonly file: string;
  /** The controlled env file, or the config.json that names it. */
  readonly envFile: { readonly path: string } | { readonly configJson: string };
  readonly health: Required<HealthSpec>;
  readonly gates: readonly GateSpec[];
  /** Keys that the env file must hold before a recreate. */
  readonly secrets: readonly string[];
  /** Whether the deploy metadata is written as container labels too (D601). */
  readonly deployLabels: boolean;
}

/** Where a Compose service lives on this site's hosts. */
export function targetOf(site: Site, runtime: ComposeRuntime): ComposeTarget {
  const host = site.hosts[runtime.host];
  const { compose } = host;
  const envFile = compose?.envFile
    ? { path: compose.envFile }
    : "configJson" in host
      ? { configJson: host.configJson }
      : undefined;
  if (!compose || !envFile) {
    throw new UserError({
      what: `cdktf.json: context.hosts.${runtime.host} has no compose with an env file, but ${runtime.composeService} is deployed there`,
      allowed: "compose { project, root, file, envFile }",
      remedy: `add it, or remove the pins of ${runtime.host}`,
    });
  }
  return {
    host: runtime.host,
    container: runtime.container,
    composeService: runtime.composeService,
    stableImage: runtime.stableImage,
    project: compose.project,
    root: compose.root,
    file: compose.file,
    envFile,
    health: {
      port: runtime.health.port,
      path: runtime.health.path ?? "/health",
      deadlineSeconds: runtime.health.deadlineSeconds ?? 60,
      commitFrom: runtime.health.commitFrom ?? "reply",
    },
    gates: runtime.gates ?? [],
    secrets: runtime.secrets ?? [],
    deployLabels: runtime.host === "d601",
  };
}
