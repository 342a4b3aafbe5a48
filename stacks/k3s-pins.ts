import type { K3sRuntime } from "../lib/catalog/index.ts";
import type { Pin } from "../lib/config/deploy-file.ts";
import type { Site } from "../lib/config/site.ts";
import type { SiteFacts } from "../lib/observe/site.ts";
import type { Repairs } from "../lib/repairs.ts";
import type { PlannedPin } from "./planned-pin.ts";

/** Terraform addresses of one k3s service in its stack. */
export function k3sAddresses(service: string, { workloads }: K3sRuntime): string[] {
  return [
    ...["containerd-image", "auth-sync", "rollout", "health-commit"].map((part) => `null_resource.${service}-${part}`),
    ...workloads.flatMap(({ name }) => [`kubernetes_deployment.${name}`, `kubernetes_service.${name}`]),
  ];
}

export function planK3sPin(pin: Pin<K3sRuntime>, _site: Site, _repairs: Repairs, _observed: SiteFacts): PlannedPin {
  throw new Error(`${pin.service}: wired below`);
}
