import type { Construct } from "constructs";
import type { K3sRuntime } from "../lib/catalog/index.ts";
import type { Pin } from "../lib/config/deploy-file.ts";
import type { RolledAuth } from "../lib/kubernetes/auth-rollout.ts";
import type { K3sTarget } from "../lib/kubernetes/target.ts";
import { type Applied, ApplyStep, hashOfRest, type Mended, type StepRuntime } from "./apply-step.ts";
import { artifactOf, pinFacts } from "./artifact-preflight.ts";
import type { ContainerdImage } from "./containerd-image.ts";

export interface K3sRolloutProps extends Mended {
  readonly runtime: StepRuntime;
  readonly pin: Pin<K3sRuntime>;
  readonly target: K3sTarget;
  readonly image: ContainerdImage;
  /** Generations of the live Deployments, null for one that is not there or wants no pod. @default - nobody looked */
  readonly seen?: Readonly<Record<string, number | null>>;
  /** The Secret of a sync: pods that started with other data are rolled. @default - the service has none */
  readonly auth?: RolledAuth;
  /** The service's Deployments and Services: whatever changes one of them is waited for and verified here. */
  readonly objects: readonly Applied[];
}

/**
 * Waits until every workload of a pin is rolled out and every pod proves the commit; else it rolls all of them back
 * to what ran before and fails. Destroy stops nothing.
 */
export class K3sRollout extends ApplyStep<"k3s-rollout"> {
  constructor(scope: Construct, id: string, props: K3sRolloutProps) {
    const { pin, target, seen, auth } = props;
    super(scope, id, {
      runtime: props.runtime,
      step: "k3s-rollout",
      spec: { artifact: artifactOf(pin), target, ...(seen ? { seen } : {}), ...(auth ? { auth } : {}) },
      hosts: [target.host],
      facts: rolloutFacts(pin, target),
      repair: props.repair,
      receipt: props.receipt,
      dependsOn: [props.image],
      after: props.objects,
    });
  }
}

export function rolloutFacts(pin: Pin<K3sRuntime>, { host, namespace, workloads }: K3sTarget): Record<string, string> {
  return {
    ...pinFacts(pin),
    workloads: workloads.map(({ name }) => `${host}/${namespace}/${name}`).join(", "),
    declared: hashOfRest(pin.consumer.runtime),
  };
}
