import type { Construct } from "constructs";
import type { ClusterTarget } from "../lib/kubernetes/target.ts";
import { ApplyStep, type Mended, type StepRuntime } from "./apply-step.ts";
import type { ArtifactPreflight } from "./artifact-preflight.ts";

export interface K3sNamespaceProps extends Mended {
  readonly runtime: StepRuntime;
  readonly cluster: ClusterTarget;
  readonly namespace: string;
  readonly preflight: ArtifactPreflight;
}

/** Ensures that a namespace is there. It is never owned: nothing of it changes, and destroy deletes nothing. */
export class K3sNamespace extends ApplyStep<"k3s-namespace"> {
  constructor(scope: Construct, id: string, props: K3sNamespaceProps) {
    const { cluster, namespace } = props;
    super(scope, id, {
      runtime: props.runtime,
      step: "k3s-namespace",
      spec: { cluster, namespace },
      hosts: [cluster.host],
      facts: namespaceFacts(cluster, namespace),
      repair: props.repair,
      receipt: props.receipt,
      dependsOn: [props.preflight],
    });
  }
}

export function namespaceFacts({ host }: ClusterTarget, namespace: string): Record<string, string> {
  return { namespace: `${host}/${namespace}` };
}
