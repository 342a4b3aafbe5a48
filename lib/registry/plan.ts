import { hostPaths } from "../host-paths.ts";
import type { RegistrySettings } from "./settings.ts";

/** What the registry is and is not; the shape is a contract. */
export interface RegistryPlan {
  readonly architectureBoundary: readonly string[];
  readonly dependencies: readonly string[];
  readonly defaultPaths: Readonly<Record<string, string>>;
  readonly artifactCdFlow: readonly string[];
}

export function registryPlan(settings: RegistrySettings, host: { readonly home: string }): RegistryPlan {
  const { registry } = hostPaths(host, settings.name);
  return {
    architectureBoundary: [
      `a systemd unit on d601 that runs one Docker Compose project; bound to ${settings.address}:${settings.port} and to nothing else`,
      "outside k3s: no NodePort, hostPort, LoadBalancer, Ingress or public port",
      "a cache of commit-pinned images, not a builder and not a control plane",
      "its storage is never deleted, also not by cdktf destroy",
    ],
    dependencies: ["Docker Engine", "Docker Compose plugin", "systemd", settings.image, "a local folder for storage"],
    defaultPaths: {
      unit: registry.unit,
      config: registry.config,
      compose: registry.compose,
      storage: registry.storage,
      endpoint: `http://${settings.address}:${settings.port}`,
      composeProject: settings.name,
      container: settings.name,
    },
    artifactCdFlow: [
      "the registry is installed and healthy",
      "d601 builds unidesk/<service>:<commit> from a pushed commit and pushes it to the loopback registry",
      "a pull request pins the commit in deploy.json; cdktf diff is its dry run",
      "preflight: manifest, digest and labels of every pin, before anything changes",
      "delivery by digest through an SSH tunnel that lives as long as the pull; only missing layers cross the wire",
      "the one service is recreated without a build and without its dependencies",
      "image label, runtime environment and /health must say the pinned commit",
    ],
  };
}
