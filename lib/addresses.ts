import { findService, isConsumer, type K3sRuntime } from "./catalog/index.ts";
import type { Environment } from "./config/values.ts";

/** Terraform addresses of one Compose service in its stack. */
function composeAddresses(service: string, host: string): string[] {
  return [
    ...["delivery", "deployment", "image-label", "health-commit"].map((part) => `null_resource.${service}-${part}`),
    ...(host === "d601" ? [`docker_image.${service}-image`] : []),
  ];
}

/** Terraform addresses of one k3s service in its stack, without the namespace's. */
function k3sAddresses(service: string, runtime: K3sRuntime): string[] {
  return [
    ...["containerd-image", "auth-sync", "rollout", "health-commit"].map((part) => `null_resource.${service}-${part}`),
    ...objectAddresses(runtime),
  ];
}

/** Those of its Deployments and Services. */
export function objectAddresses({ workloads }: K3sRuntime): string[] {
  return workloads.flatMap(({ name }) => [`kubernetes_deployment.${name}`, `kubernetes_service.${name}`]);
}

/** Terraform address of the step that ensures a namespace: one a stack, whoever needs it. */
export function namespaceAddress({ namespace }: K3sRuntime): string {
  return `null_resource.${namespaceId(namespace)}`;
}

export function namespaceId(namespace: string): string {
  return `namespace-${namespace}`;
}

/** Terraform address of the step that comes first in every stack with pins. */
export const preflightAddress = "null_resource.preflight";

/** Every address that a consumer has or once had; none for a service without one. */
export function serviceAddresses(service: string, environment: Environment): string[] {
  const consumer = findService(service)?.consumers[environment];
  if (!isConsumer(consumer)) return [];
  const { runtime } = consumer;
  return [
    `null_resource.${service}-approval`,
    ...(runtime.kind === "compose" ? composeAddresses(service, runtime.host) : k3sAddresses(service, runtime)),
  ];
}
