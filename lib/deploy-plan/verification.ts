import { type ComposeRuntime, deployKeyPrefix, type GateSpec, type K3sRuntime } from "../catalog/index.ts";
import { imageLabels } from "../labels.ts";
import { consumerOf } from "./decision.ts";
import type { PlanSubject } from "./question.ts";

/** What has to agree before a deployment counts; nothing where nothing is ever applied. */
export function verificationOf({ service, commit, consumer: declared }: PlanSubject): string[] {
  const consumer = consumerOf(declared);
  if (!commit || !consumer || consumer.planOnly) return [];
  const { runtime } = consumer;
  return [
    `image labels ${imageLabels.revision}=${commit} and ${imageLabels.service}=${service}`,
    ...(runtime.kind === "compose" ? composeChecks(service, commit, runtime) : k3sChecks(commit, runtime)),
  ];
}

function composeChecks(service: string, commit: string, { health, gates = [] }: ComposeRuntime): string[] {
  const path = health.path ?? "/health";
  const keys = `${deployKeyPrefix(service)}*`;
  const says = `deploy.commit and deploy.requestedCommit are ${commit}`;
  return [
    `runtime environment: ${keys} of the container says ${commit}`,
    health.commitFrom === "container"
      ? `synthetic health: ${path} answers 200, and ${says} as ${keys} of the container tells them`
      : `${path} answers 200; its ${says}`,
    ...gates.map(gateText),
  ];
}

function k3sChecks(commit: string, { namespace, workloads, health }: K3sRuntime): string[] {
  const path = health.path ?? "/health";
  const names = workloads.map(({ name }) => name).join(", ");
  const says = `deploy.commit and deploy.requestedCommit are ${commit}`;
  return [
    `${path} of Service ${names} in ${namespace}, through the Kubernetes API service proxy: ${says}`,
    `${path} of every pod behind them, through the pod proxy: ${says}; an old revision that still answers is a failure`,
  ];
}

function gateText(gate: GateSpec): string {
  return gate.verdict === "absent"
    ? `gate ${gate.path}: answers without ${gate.keys.join(", ")}`
    : `gate ${gate.path}: ${gate.keys.map((key) => `${gate.under}.${key}`).join(", ")} are true`;
}
