import { clusterImage, type K3sTarget } from "../kubernetes/target.ts";
import type { ObservedDeployment, ObservedK3s, ObservedPod, ObservedWorkload } from "../observe/k3s.ts";
import { judgeHealth } from "./health-commit.ts";
import { expectEqual, type Reason, type Verdict, verdictOf } from "./verdict.ts";

export interface WantedRollout {
  readonly service: string;
  readonly commit: string;
  /** The pin's digest, where it has one. */
  readonly digest?: string;
}

const requestedCommit = "UNIDESK_DEPLOY_REQUESTED_COMMIT";

/** How often a container may end before nobody waits for it any more. */
const restartLimit = 3;

const endingPod = "ending pod";
const refusedPods = "new pods";
const unknownImage = "pod image on its node";

/** The image is not there under its name, or containerd does not say so to the kubelet yet. */
const noImage = "ErrImageNeverPull";

/** What the kubelet says of a container that will not start as it is. */
const hopeless = new Set(["InvalidImageName", "ErrImagePull", "ImagePullBackOff", "RunContainerError"]);

/** A service is live when every pod of every workload runs the delivered image, was told the commit, and says so. */
export function judgeK3s(wanted: WantedRollout, target: K3sTarget, observed: ObservedK3s): Verdict {
  const where = `${target.host} containerd`;
  const delivered = observed.images?.[wanted.commit];
  const digest = delivered?.record?.digest ?? delivered?.digest;
  return verdictOf(
    [
      digest === undefined
        ? { what: "delivered image", expected: "there", found: "none", where }
        : wanted.digest && expectEqual("delivered digest", wanted.digest, digest, where),
      ...target.workloads.flatMap(({ name }) => judgeWorkload(wanted, name, target, observed).reasons),
    ].map((reason) => reason || undefined),
  );
}

/** @param digests That prove a pod's image; null where that is judged elsewhere. */
export function judgeWorkload(
  wanted: WantedRollout,
  name: string,
  target: K3sTarget,
  observed: ObservedK3s,
  digests: readonly string[] | null = digestsOf(wanted, observed),
): Verdict {
  const where = `${target.host} ${target.namespace}/${name}`;
  const found = observed.cluster?.workloads[name];
  if (!found) return verdictOf([{ what: "cluster", expected: "an answer", found: "none", where }]);
  const image = clusterImage(target.registryPort, wanted.service, wanted.commit);
  const delivered = observed.images?.[wanted.commit] !== undefined;
  const pods = judgePods(wanted, image, where, found, { delivered, digests });
  return verdictOf([
    ...judgeDeployment(wanted, image, where, found.deployment),
    ...pods,
    ...judgeService(wanted, where, found, pods.every(isEnding)),
  ]);
}

function judgeDeployment(
  { commit }: WantedRollout,
  image: string,
  where: string,
  deployment: ObservedDeployment | undefined,
): (Reason | undefined)[] {
  if (!deployment) return [{ what: "Deployment", expected: "there", found: "none", where }];
  const { replicas, total, updated, available, generation, observedGeneration, refused } = deployment;
  const expected = `${replicas} updated, available, and no others`;
  return [
    expectEqual("Deployment image", image, deployment.image, where),
    expectEqual(`Deployment environment ${requestedCommit}`, commit, deployment.requestedCommit, where),
    deployment.paused ? { what: "Deployment pause", expected: "not paused", found: "paused", where } : undefined,
    replicas > 0 ? undefined : { what: "Deployment replicas", expected: "at least 1", found: "0", where },
    observedGeneration >= generation ? undefined : { what: "rollout", expected: "begun", found: "not begun", where },
    refused === "" ? undefined : { what: refusedPods, expected: "allowed", found: refused, where },
    updated === replicas && total === replicas && available === replicas
      ? undefined
      : { what: "pods", expected, found: `${updated} updated, ${available} available of ${total}`, where },
  ];
}

function judgePods(
  wanted: WantedRollout,
  image: string,
  where: string,
  found: ObservedWorkload,
  node: NodeImage,
): Reason[] {
  const pods = livePods(found);
  if (pods.length === 0 && found.deployment?.replicas !== 0) {
    return [{ what: "pods", expected: "at least 1", found: "none", where }];
  }
  const ending = found.pods.filter((pod) => pod.ending && !isOver(pod));
  return [
    ...ending.map(({ name }) => ({
      what: endingPod,
      expected: "gone",
      found: "there",
      where: `${where} pod ${name}`,
    })),
    ...pods.flatMap((pod) => judgePod(wanted, image, `${where} pod ${pod.name}`, pod, node)),
  ];
}

/** What the node's containerd has of the commit. */
interface NodeImage {
  readonly delivered: boolean;
  readonly digests: readonly string[] | null;
}

function judgePod(
  { commit }: WantedRollout,
  image: string,
  where: string,
  pod: ObservedPod,
  { delivered, digests }: NodeImage,
): readonly Reason[] {
  // What another image says of itself is of no interest.
  const other = expectEqual("pod image", image, pod.image, where);
  if (other) return [other];
  const stuck =
    hopeless.has(pod.waiting) ||
    (pod.waiting === noImage && !delivered) ||
    (pod.waiting === "CrashLoopBackOff" && pod.restarts >= restartLimit);
  const state = pod.waiting === "" ? pod.phase : pod.waiting;
  const what = stuck ? "pod failure" : pod.waiting === noImage ? unknownImage : "pod state";
  const running = expectEqual(what, "Running", state, where);
  const asked = expectEqual(`pod environment ${requestedCommit}`, commit, pod.requestedCommit, where);
  if (running) return verdictOf([running, asked]).reasons;
  return verdictOf([
    digests === null || digests.some((digest) => pod.imageId.endsWith(digest))
      ? undefined
      : { what: "pod image digest", expected: digests.join(" or ") || "the delivered one", found: pod.imageId, where },
    asked,
    pod.ready ? undefined : { what: "pod readiness", expected: "ready", found: "not ready", where },
    ...judgeHealth(commit, { ...pod.health, where }).reasons,
  ]).reasons;
}

/** What the Service answers says something only where every pod is right: it asks any of them. */
function judgeService(
  { commit }: WantedRollout,
  where: string,
  { service, health }: ObservedWorkload,
  podsAreRight: boolean,
): Reason[] {
  if (!service) return [{ what: "Service", expected: "there", found: "none", where }];
  const reasons = judgeHealth(commit, { ...health, where: `${where} Service` }).reasons;
  if (service.readyEndpoints === 0) {
    return [{ what: "Service endpoints", expected: "at least 1 ready", found: "none", where }];
  }
  return podsAreRight ? reasons.map((reason) => ({ ...reason, what: `Service ${reason.what}` })) : [];
}

/** Pods that are there to stay; one that is being deleted, or has ended and was replaced, is not. */
export function livePods({ pods }: ObservedWorkload): ObservedPod[] {
  return pods.filter((pod) => !pod.ending && !isOver(pod));
}

/** It has ended for good; where it was wanted, Kubernetes has made another one. */
export function isOver({ phase }: ObservedPod): boolean {
  return phase === "Succeeded" || phase === "Failed";
}

/** Digests that prove a pod's image: a node names it by the manifest, or by the image's configuration. */
export function digestsOf({ commit, digest }: WantedRollout, { images }: ObservedK3s): string[] {
  const image = images?.[commit];
  if (image?.record) return [image.record.digest, image.record.imageId];
  return [digest ?? image?.digest ?? []].flat();
}

/**
 * Whether Kubernetes has done all that it will do by itself: every pod is of the newest revision. One that is ending goes
 * when it likes, and counts for nothing.
 */
export function isRolledOut({ deployment }: Pick<ObservedWorkload, "deployment">): boolean {
  if (!deployment) return false;
  const { replicas, total, updated, generation, observedGeneration } = deployment;
  return observedGeneration >= generation && updated === replicas && total === replicas;
}

/**
 * Whether nothing is wrong but that old pods have not ended yet: waited for until a deadline, and no failure then. Who
 * asks the Service does not get to them any more.
 */
export function isOnlyEnding({ reasons }: Verdict): boolean {
  return reasons.length > 0 && reasons.every(isEnding);
}

/** One warning a pod. */
export function stillEnding({ reasons }: Verdict): string[] {
  return reasons
    .filter(isEnding)
    .map(({ where }) => `warning: ${where} is still ending; nothing waits for it any longer`);
}

function isEnding({ what }: Reason): boolean {
  return what === endingPod;
}

const permanent = new Set([
  "delivered image",
  "delivered digest",
  "Deployment",
  "Deployment image",
  `Deployment environment ${requestedCommit}`,
  "Deployment pause",
  "Deployment replicas",
  "Service",
  "pod failure",
]);

/** What Kubernetes tries again for a moment, and how many seconds that may take it; nobody waits longer. */
const passing: ReadonlyMap<string, number> = new Map([
  [refusedPods, 10],
  // The kubelet looks again every ten to fifteen seconds.
  [unknownImage, 20],
]);

/** Knows for how long a verdict has had such a reason; one that comes and goes counts anew. */
export class Patience {
  private since: ReadonlyMap<string, number> = new Map();

  /**
   * Whether one of them has lasted too long.
   *
   * @param at Milliseconds of one clock.
   */
  isOver({ reasons }: Verdict, at: number): boolean {
    const now = reasons.flatMap(({ what }) => (passing.has(what) ? [what] : []));
    this.since = new Map(now.map((what) => [what, this.since.get(what) ?? at]));
    return [...this.since].some(([what, since]) => at - since >= (passing.get(what) ?? 0) * 1000);
  }
}

/** Right only from the start: once no other pod is to come, it stays as it is. */
const permanentOncePlaced = /^(pod image digest|pod environment .*|deploy\..*)$/;

/** Whether waiting may help a rollout. */
export function mayStillCome({ reasons }: Verdict): boolean {
  if (reasons.some(({ what }) => permanent.has(what))) return false;
  const moving = reasons.some(({ what }) => ["rollout", "pods", endingPod, "pod image"].includes(what));
  return moving || !reasons.some(({ what, found }) => permanentOncePlaced.test(what) && found !== "nothing");
}
