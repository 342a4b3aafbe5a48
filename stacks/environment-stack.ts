import type { Construct } from "constructs";
import { ArtifactPreflight } from "../constructs/artifact-preflight.ts";
import { HealthCommitCheck, ImageLabelCheck } from "../constructs/checks.ts";
import { ComposeDeployment } from "../constructs/compose-deployment.ts";
import { ImageDelivery } from "../constructs/image-delivery.ts";
import type { ComposeRuntime } from "../lib/catalog/index.ts";
import type { HostName } from "../lib/config/hosts.ts";
import type { Site } from "../lib/config/site.ts";
import type { Environment } from "../lib/config/values.ts";
import { UserError } from "../lib/errors.ts";
import type { ComposeTarget } from "../lib/steps/specs.ts";
import { SiteStack, type SiteStackProps } from "./site-stack.ts";

export interface EnvironmentStackProps extends SiteStackProps {
  readonly environment: Environment;
  readonly host: HostName;
}

/** Every pin of one environment on one host: preflight first, then each service by itself. */
export class EnvironmentStack extends SiteStack {
  constructor(scope: Construct, props: EnvironmentStackProps) {
    super(scope, `unidesk-${props.environment}-${props.host}`, props);
    const { site, runtime, environment, host } = props;
    const pins = props.pins.filter((pin) => pin.environment === environment && pin.consumer.runtime.host === host);
    if (pins.length === 0) return;
    const registry = { host: "d601" as const, port: site.registry.port };
    const preflight = new ArtifactPreflight(this, "preflight", { runtime, registry, target: host, pins });
    for (const pin of pins) {
      const target = composeTarget(site, pin.consumer.runtime);
      const delivery = new ImageDelivery(this, `${pin.service}-delivery`, {
        runtime,
        registry,
        target: host,
        pin,
        preflight,
      });
      const deployment = new ComposeDeployment(this, `${pin.service}-deployment`, { runtime, pin, target, delivery });
      new ImageLabelCheck(this, `${pin.service}-image-label`, { runtime, pin, target, deployment });
      new HealthCommitCheck(this, `${pin.service}-health-commit`, { runtime, pin, target, deployment });
    }
  }
}

/** Where a Compose service lives on this site's hosts. */
export function composeTarget(site: Site, runtime: ComposeRuntime): ComposeTarget {
  const host = site.hosts[runtime.host];
  const { compose } = host;
  const envFile =
    "configJson" in host ? { configJson: host.configJson } : compose?.envFile ? { path: compose.envFile } : undefined;
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
    envFile: compose.envFile ? { path: compose.envFile } : envFile,
    health: {
      port: runtime.health.port,
      path: runtime.health.path ?? "/health",
      deadlineSeconds: runtime.health.deadlineSeconds ?? 60,
    },
  };
}
