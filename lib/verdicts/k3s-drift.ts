import { shortCommit } from "../config/values.ts";
import { declaredSelector, foreignSelector } from "../kubernetes/selector.ts";
import { clusterImage, type K3sTarget } from "../kubernetes/target.ts";
import type { ObservedK3s, ObservedPod } from "../observe/k3s.ts";
import type { Drift } from "./drift.ts";
import { digestsOf, judgeWorkload, livePods } from "./k3s-live.ts";

interface Wanted {
  readonly service: string;
  readonly commit: string;
  readonly digest?: string;
}

export function namespaceDrift(namespace: string, { cluster }: ObservedK3s): Drift {
  if (!cluster) return undefined;
  if (cluster.namespaceEnding) return `namespace ${namespace} is being deleted`;
  return cluster.namespace ? undefined : `namespace ${namespace} missing`;
}

/** The commit's image must be in containerd under the name that the Deployment says, with the delivered content. */
export function containerdDrift(wanted: Wanted, { images }: ObservedK3s): Drift {
  if (!images) return undefined;
  const image = images[wanted.commit];
  const name = `${wanted.service}:${shortCommit(wanted.commit)}`;
  if (!image) return `image ${name} missing in containerd`;
  if (!image.record) return `image ${name} has no delivery record`;
  if (image.record.digest !== image.digest) return `image ${name} is not the delivered one`;
  if (wanted.digest && image.digest !== wanted.digest) return `image ${name} was delivered by another digest`;
  return undefined;
}

/** Why a service's workloads are not live at the commit. A missing object is the provider's to make again, and is named first. */
export function rolloutDrift(wanted: Wanted, target: K3sTarget, observed: ObservedK3s): Drift {
  if (!observed.cluster) return undefined;
  const { workloads } = observed.cluster;
  const drifts = target.workloads.map(({ name }) => [name, workloadDrift(wanted, name, target, observed)] as const);
  const named = drifts.filter((drift): drift is [string, string] => drift[1] !== undefined);
  if (named.length === 0) return undefined;
  // All for the same reason, such as an older commit: said once.
  const same = named.length === Object.keys(workloads).length && new Set(named.map(([, reason]) => reason)).size === 1;
  return same ? named[0]?.[1] : named.map(([name, reason]) => `${name} ${reason}`).join("; ");
}

function workloadDrift(wanted: Wanted, name: string, target: K3sTarget, observed: ObservedK3s): Drift {
  const found = observed.cluster?.workloads[name];
  if (!found?.deployment) return "Deployment missing";
  const selector = foreignSelector(name, found.deployment);
  if (selector) return `Deployment selects by ${selector} and not by ${declaredSelector(name)}`;
  if (!found.service) return "Service missing";
  const tag = /:([0-9a-f]{40})$/.exec(found.deployment.image)?.[1];
  if (tag !== wanted.commit) {
    return `live commit ${tag ? shortCommit(tag) : "unknown"}, pinned ${shortCommit(wanted.commit)}`;
  }
  if (found.deployment.replicas === 0) return "scaled to 0";
  if (found.deployment.paused) return "rollouts paused";
  const pods = livePods(found);
  const image = clusterImage(target.registryPort, wanted.service, wanted.commit);
  if (pods.some((pod) => pod.image !== image)) return "pods not on the commit";
  const digests = digestsOf(wanted, observed);
  const isRecorded = observed.images?.[wanted.commit]?.record !== undefined;
  // A pod that has not started says nothing of its image yet. A node may name an image by its configuration, which only
  // the delivery's record knows beside the digest.
  const isOther = ({ imageId }: ObservedPod) =>
    imageId !== "" && (isRecorded || imageId.includes("@")) && !digests.some((one) => imageId.endsWith(one));
  if (digests.length > 0 && pods.some(isOther)) return "pods run another image of the same commit";
  if (pods.some((pod) => pod.requestedCommit !== wanted.commit)) return "pods were asked for another commit";
  // A pod that is on its way out comes and goes by itself.
  // Its digest was compared above, where one that nobody knows is no drift.
  const all = judgeWorkload(wanted, name, target, observed, null).reasons;
  const reasons = all.filter(({ what }) => what !== "ending pod");
  const said = reasons.find(({ what }) => /^(Service )?deploy\./.test(what));
  if (said) return `health says another ${said.what.replace("Service ", "")}`;
  return reasons.length > 0 ? "not healthy" : undefined;
}
