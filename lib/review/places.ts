import { isComposePin, isK3sPin, type Pin } from "../config/deploy-file.ts";
import type { Site } from "../config/site.ts";
import { Commit, Digest } from "../config/values.ts";
import { k3sTargetOf } from "../kubernetes/target.ts";
import { imageLabels } from "../labels.ts";
import type { ObservedService } from "../observe/compose.ts";
import { k3sKey } from "../observe/k3s.ts";
import type { SiteFacts } from "../observe/site.ts";
import type { Artifact } from "../registry/client.ts";
import { HealthBody } from "../verdicts/health-commit.ts";
import { digestsOf, livePods } from "../verdicts/k3s-live.ts";
import { type HealthReply, parseBody } from "../verdicts/reply.ts";
import { requestedCommit } from "../verdicts/runtime-env.ts";
import type { ServiceReceipt } from "./receipt.ts";

/** What was found of a pin at every place that has to agree on it. */
export interface Places extends Readonly<ServiceReceipt["digests"]> {
  /** Somebody looked at its host, and the place answered: what was not found there is not there. */
  readonly seen: boolean;
}

export function placesOf(pin: Pin, site: Site, { hosts }: Pick<SiteFacts, "hosts">, artifact?: Artifact): Places {
  const host = hosts[pin.consumer.runtime.host];
  const registry = artifact?.digest ?? null;
  const nothing: Places = { seen: false, registry, target: null, labelCommit: null, replicas: [] };
  if (isComposePin(pin)) {
    const seen = host?.services.get(pin.service);
    return seen ? { ...nothing, seen: true, ...inCompose(pin, seen) } : nothing;
  }
  if (!isK3sPin(pin)) return nothing;
  const target = k3sTargetOf(site, pin.consumer.runtime);
  const seen = host?.k3s.get(k3sKey({ service: pin.service, target }));
  if (!seen) return nothing;
  const digest = Digest.safeParse(seen.images?.[pin.commit]?.digest).data ?? null;
  const same = [digest, artifact?.digest, artifact?.manifestDigest, artifact?.configDigest, ...digestsOf(pin, seen)];
  const replicas = Object.values(seen.cluster?.workloads ?? {}).flatMap((workload) =>
    livePods(workload).map((pod) => {
      const runs = Digest.safeParse(/sha256:[0-9a-f]{64}$/.exec(pod.imageId)?.[0]).data ?? null;
      const image = runs === null ? "unknown" : same.includes(runs) ? "delivered" : "other";
      return {
        name: `${target.namespace}/${pod.name}`,
        ...says(pod.health),
        ...({ image, imageDigest: image === "delivered" ? digest : runs } as const),
      };
    }),
  );
  // The labels in containerd were verified by the delivery; the manifest is the same.
  const labelled = artifact?.digest === digest ? artifact?.labels[imageLabels.revision] : undefined;
  const labelCommit = Commit.safeParse(labelled).data ?? null;
  return {
    seen: seen.cluster !== undefined && seen.images !== undefined,
    registry,
    target: digest,
    labelCommit,
    replicas,
  };
}

function inCompose(pin: Pin, { container, images }: ObservedService): Omit<Places, "seen" | "registry"> {
  const target = Digest.safeParse(images[pin.commit]?.record?.digest).data ?? null;
  if (!container || pin.consumer.runtime.kind !== "compose") return { target, labelCommit: null, replicas: [] };
  // A service that does not know its commit is known by what its container was started with.
  const synthetic = pin.consumer.runtime.health.commitFrom === "container";
  const labelCommit = Commit.safeParse(container.imageLabels[imageLabels.revision]).data ?? null;
  const asked = Commit.safeParse(requestedCommit(pin.service, container.deployEnv)).data ?? null;
  const answers = container.health.status === 200;
  const said = synthetic
    ? { liveCommit: answers ? labelCommit : null, requestedCommit: answers ? asked : null }
    : says(container.health);
  const delivered = images[pin.commit]?.record?.imageId;
  const image = delivered === undefined ? "unknown" : delivered === container.imageId ? "delivered" : "other";
  const imageDigest = runningDigest(container.imageId, images) ?? null;
  return { target, labelCommit, replicas: [{ name: pin.consumer.runtime.container, ...said, image, imageDigest }] };
}

/** The digest by which the image that runs was delivered, whichever commit that was of; Docker itself does not know it. */
export function runningDigest(imageId: string, images: ObservedService["images"]): Digest | undefined {
  return Object.values(images).find(({ record }) => record?.imageId === imageId)?.record?.digest;
}

function says(reply: HealthReply) {
  const deploy = reply.status === 200 ? parseBody(reply.body, HealthBody)?.deploy : undefined;
  return {
    liveCommit: Commit.safeParse(deploy?.commit).data ?? null,
    requestedCommit: Commit.safeParse(deploy?.requestedCommit).data ?? null,
  };
}

/**
 * Whether registry, target, label and every replica say the pinned commit, or one of them says something else; what the
 * registry could not be asked is left out. What was not seen is neither.
 */
export function judgePlaces(
  { commit, digest }: Pick<Pin, "commit" | "digest">,
  { seen, registry, target, labelCommit, replicas }: Places,
): Pick<ServiceReceipt, "agrees" | "differs"> {
  const isOther = (found: string | null, wanted: string | null | undefined) =>
    found !== null && wanted !== null && wanted !== undefined && found !== wanted;
  const differs =
    (seen && (target === null || replicas.length === 0)) ||
    isOther(registry, target) ||
    isOther(target, digest) ||
    isOther(labelCommit, commit) ||
    replicas.some(
      (one) => one.image === "other" || isOther(one.liveCommit, commit) || isOther(one.requestedCommit, commit),
    );
  const complete =
    target !== null &&
    (labelCommit !== null || registry === null) &&
    replicas.length > 0 &&
    replicas.every((one) => one.image === "delivered" && one.liveCommit !== null && one.requestedCommit !== null);
  return { agrees: complete && !differs, differs };
}
