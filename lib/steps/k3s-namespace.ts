import { ensureNamespace } from "../kubernetes/kubectl.ts";
import { patiently } from "./patiently.ts";
import type { StepContext, StepSpecs } from "./specs.ts";

/** Ensures that a namespace is there; one that is stays as it is. */
export async function k3sNamespace(spec: StepSpecs["k3s-namespace"], context: StepContext): Promise<void> {
  const { cluster, namespace } = spec;
  const host = context.connection(cluster.host);
  const made = await patiently(() => ensureNamespace(host, cluster, namespace, context.say));
  context.say(`namespace ${namespace} ${made ? "created" : "is there"}`);
}
