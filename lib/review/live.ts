import type { K3sRuntime } from "../catalog/index.ts";
import { targetOf } from "../compose/target.ts";
import { isComposePin, isK3sPin, type Pin } from "../config/deploy-file.ts";
import type { Site } from "../config/site.ts";
import { Commit, Digest } from "../config/values.ts";
import { commitOfAll, deployedImages } from "../kubernetes/deployed-commit.ts";
import { foreignSelector, selectorProblem } from "../kubernetes/selector.ts";
import { authSyncSpecOf, type K3sTarget, k3sTargetOf } from "../kubernetes/target.ts";
import { imageLabels } from "../labels.ts";
import { authKey } from "../observe/auth.ts";
import type { ObservedMount, ObservedService } from "../observe/compose.ts";
import { k3sKey, type ObservedK3s } from "../observe/k3s.ts";
import type { SiteFacts } from "../observe/site.ts";
import { authSyncDrift } from "../verdicts/auth-sync.ts";
import { type Drift, deliveryDrift, deploymentDrift, recreates } from "../verdicts/drift.ts";
import { containerdDrift, rolloutDrift } from "../verdicts/k3s-drift.ts";
import { digestsOf, livePods } from "../verdicts/k3s-live.ts";
import { runningDigest } from "./places.ts";

/** What was seen of one pin's service, in the same words for every runtime. */
export interface Live {
  /** Somebody looked, and the place answered. */
  readonly seen: boolean;
  /** Something runs, or is there and stopped. */
  readonly exists: boolean;
  readonly commit: Commit | undefined;
  readonly digest: Digest | undefined;
  /** Why it is not as the pin says. */
  readonly drift: string | undefined;
  /** What runs is as the pin says and stays, whatever else is not. */
  readonly settled: boolean;
  /** The pin's image is on the target as it was delivered. */
  readonly delivered: boolean;
  /** Id of the image that the container runs; undefined where there is none, or another runtime. */
  readonly imageId: string | undefined;
  /** Commits whose images are on the target. */
  readonly images: ReadonlySet<string>;
  readonly hidden: readonly string[];
  /** Why a deployment would be refused as things are. */
  readonly refusals: readonly string[];
  readonly secrets: Readonly<Record<string, number>> | undefined;
  /** What the container has mounted, in words; undefined where there is none, or another runtime. */
  readonly mounts: readonly string[] | undefined;
}

const unseen: Live = {
  ...{ seen: false, exists: false, settled: false, delivered: false, images: new Set(), hidden: [], refusals: [] },
  ...{
    commit: undefined,
    digest: undefined,
    imageId: undefined,
    drift: undefined,
    secrets: undefined,
    mounts: undefined,
  },
};

export function liveOf(pin: Pin, site: Site, observed: SiteFacts): Live {
  const host = observed.hosts[pin.consumer.runtime.host];
  if (isComposePin(pin)) {
    const seen = host?.services.get(pin.service);
    return seen ? liveCompose(pin, site, seen) : unseen;
  }
  if (!isK3sPin(pin)) return unseen;
  const target = k3sTargetOf(site, pin.consumer.runtime);
  const seen = host?.k3s.get(k3sKey({ service: pin.service, target }));
  return seen ? liveK3s(pin, target, seen, authDriftOf(pin, site, observed)) : unseen;
}

function liveCompose(pin: Pin, site: Site, seen: ObservedService): Live {
  if (!isComposePin(pin)) return unseen;
  const target = targetOf(site, pin.consumer.runtime);
  const { container, images, otherNames, secrets } = seen;
  const commit = Commit.safeParse(container?.imageLabels[imageLabels.revision]).data;
  const delivery = deliveryDrift(pin, target.stableImage, seen);
  const deployment = deploymentDrift(pin, target, seen);
  return {
    seen: true,
    exists: container !== undefined || otherNames !== undefined,
    commit,
    digest: container && runningDigest(container.imageId, images),
    drift: deployment ?? delivery,
    settled: !recreates(deployment),
    delivered: delivery === undefined,
    imageId: container?.imageId,
    images: new Set(Object.keys(images)),
    hidden: hiddenOf(pin.service, seen),
    refusals: refusalsOf(pin.service, seen),
    secrets,
    mounts: container?.mounts.map(mountText),
  };
}

function hiddenOf(service: string, { container, recreateWouldChange }: ObservedService): string[] {
  if (recreateWouldChange) return [`changed environment or Compose configuration of ${service}`];
  if (recreateWouldChange === false || !container) return [];
  return [
    "unknown: nothing says what it was started with; a recreate takes Compose file and environment as they are now",
  ];
}

/** As the deploy job has it: it refuses before it changes anything. */
function refusalsOf(service: string, { container, otherNames }: ObservedService): string[] {
  const refusals: string[] = [];
  if (otherNames)
    refusals.push(`${service} runs under another name, which a recreate would remove: ${otherNames.join(", ")}`);
  if (container?.otherFiles) {
    refusals.push(
      `its container was made from Compose files that the hosts do not name: ${container.otherFiles.join(", ")}`,
    );
  }
  return refusals;
}

/** Docker gives a volume without a name 64 hex digits for one, which are others after a recreate. */
function mountText({ type, from, to }: ObservedMount): string {
  const name = from === "" || /^[0-9a-f]{64}$/.test(from) ? "unnamed" : from;
  return `${name} at ${to} (${type})`;
}

/** What the sync of `.auth` would change; its target is a part of the look at the cluster's host. */
function authDriftOf({ consumer: { runtime } }: Pin<K3sRuntime>, site: Site, { hosts }: SiteFacts): Drift {
  const spec = authSyncSpecOf(site, runtime);
  const seen = spec && hosts[spec.host]?.auth.get(authKey(spec));
  return seen && authSyncDrift(spec, seen.target, hosts[spec.source.host]?.auth.get(authKey(spec))?.source);
}

function liveK3s(pin: Pin, target: K3sTarget, seen: ObservedK3s, auth: Drift): Live {
  const { cluster, images } = seen;
  const deployed = deployedImages(seen);
  const commit = commitOfAll(deployed);
  const delivery = containerdDrift(pin, seen);
  const rollout = cluster?.namespace === false ? "namespace missing" : rolloutDrift(pin, target, seen);
  return {
    seen: cluster !== undefined,
    exists: deployed.length > 0,
    commit,
    digest: commit && podsDigest(commit, seen),
    drift: rollout ?? delivery ?? auth,
    // A sync that changes something has the pods roll.
    settled: cluster !== undefined && (rollout === undefined || rollout === "Service missing") && auth === undefined,
    delivered: images !== undefined && delivery === undefined,
    imageId: undefined,
    images: new Set(Object.keys(images ?? {})),
    hidden: [],
    refusals: Object.entries(cluster?.workloads ?? {}).flatMap(([name, { deployment }]) => {
      const selector = foreignSelector(name, deployment);
      return selector === undefined ? [] : [selectorProblem(target.namespace, name, selector).what];
    }),
    secrets: undefined,
    mounts: undefined,
  };
}

/** Of the commit's image in containerd, unless pods say that they run another one. */
function podsDigest(commit: Commit, seen: ObservedK3s): Digest | undefined {
  const held = seen.images?.[commit]?.digest;
  const same = [held, ...digestsOf({ service: "", commit }, seen)];
  const pods = Object.values(seen.cluster?.workloads ?? {}).flatMap(livePods);
  const running = new Set(pods.flatMap(({ imageId }) => /sha256:[0-9a-f]{64}$/.exec(imageId) ?? []));
  const others = [...running].filter((one) => !same.includes(one));
  if (others.length === 0) return Digest.safeParse(held).data;
  return running.size === 1 ? Digest.safeParse(others[0]).data : undefined;
}
