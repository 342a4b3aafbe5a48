import { targetOf } from "../compose/target.ts";
import { isComposePin, isK3sPin, type Pin } from "../config/deploy-file.ts";
import type { Site } from "../config/site.ts";
import { Commit } from "../config/values.ts";
import { commitOfAll, deployedImages } from "../kubernetes/deployed-commit.ts";
import { k3sTargetOf } from "../kubernetes/target.ts";
import { imageLabels } from "../labels.ts";
import { k3sKey } from "../observe/k3s.ts";
import type { SiteFacts } from "../observe/site.ts";
import { digestsOf, judgeWorkload } from "../verdicts/k3s-live.ts";
import { judgeLive } from "../verdicts/live.ts";

export const liveStates = ["healthy", "unhealthy", "mixed", "absent", "unknown", "never-applied"] as const;

/**
 * What runs of a service. `healthy` and `unhealthy`: its image is of `commit`, and the service itself says so
 * too, or not. `mixed`: its workloads are of several commits, or of one that nobody can tell. `absent`: nothing
 * is there. `unknown`: nobody could look. `never-applied`: plan only.
 */
export interface LivePin {
  readonly state: (typeof liveStates)[number];
  readonly commit: Commit | null;
}

export function livePin(site: Site, pin: Pin, { hosts }: SiteFacts): LivePin {
  const nothing = (state: LivePin["state"]): LivePin => ({ state, commit: null });
  if (pin.consumer.planOnly) return nothing("never-applied");
  const facts = hosts[pin.consumer.runtime.host];
  if (!facts) return nothing("unknown");
  const { service } = pin;
  if (isComposePin(pin)) {
    const observed = facts.services.get(service);
    if (!observed) return nothing("unknown");
    if (!observed.container) return nothing("absent");
    const commit = Commit.safeParse(observed.container.imageLabels[imageLabels.revision]).data;
    if (!commit) return nothing("mixed");
    const target = targetOf(site, pin.consumer.runtime);
    return { state: stateOf(judgeLive({ service, commit }, observed.container, target).ok), commit };
  }
  if (!isK3sPin(pin)) return nothing("unknown");
  const target = k3sTargetOf(site, pin.consumer.runtime);
  const observed = facts.k3s.get(k3sKey({ service, target }));
  if (!observed?.cluster) return nothing("unknown");
  const images = deployedImages(observed);
  if (images.length === 0) return nothing("absent");
  const commit = commitOfAll(images);
  if (!commit) return nothing("mixed");
  const wanted = { service, commit };
  // The look asks containerd for the images of pins and receipts only: of another commit no digest can be judged.
  const excused = digestsOf(wanted, observed).length === 0 ? "pod image digest" : undefined;
  const reasons = target.workloads.flatMap(({ name }) => judgeWorkload(wanted, name, target, observed).reasons);
  const healthy = reasons.every(({ what }) => what === excused);
  return { state: stateOf(healthy), commit };
}

function stateOf(healthy: boolean): LivePin["state"] {
  return healthy ? "healthy" : "unhealthy";
}
