import { silentCluster } from "../kubernetes/kubectl.ts";
import type { K3sTarget } from "../kubernetes/target.ts";
import { observeHost } from "../observe/host.ts";
import { k3sKey, type ObservedK3s } from "../observe/k3s.ts";
import type { StepContext } from "./specs.ts";

/** Looks at one service of a cluster, with the image of one commit. Throws where the cluster does not answer. */
export async function observeK3s(
  artifact: { readonly service: string; readonly commit: string },
  target: K3sTarget,
  context: StepContext,
): Promise<ObservedK3s> {
  const subject = { service: artifact.service, commit: artifact.commit, target };
  const { k3s } = await observeHost(context.connection(target.host), { services: [], k3s: [subject] });
  const found = k3s.get(k3sKey(subject));
  if (found?.cluster && found.images) return found;
  throw silentCluster(target.host, found?.warning ?? "no answer", `${target.host}: the cluster gives no answer`);
}
