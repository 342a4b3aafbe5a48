import { deployKeyPrefix } from "../catalog/index.ts";
import type { ComposeTarget } from "../compose/target.ts";
import { imageRepository } from "../config/ci-file.ts";
import { shortCommit } from "../config/values.ts";
import { imageLabels } from "../labels.ts";
import type { ObservedService } from "../observe/compose.ts";
import type { ObservedRegistry } from "../observe/registry.ts";
import type { ManagedFile } from "../registry/files.ts";
import type { RegistrySettings } from "../registry/settings.ts";
import { judgeDeployLabels, judgeLive } from "./live.ts";
import { requestedCommit } from "./runtime-env.ts";

/**
 * Why a thing on a host is not as declared, in the few words that a reviewer reads in the diff;
 * undefined where it is. Nothing volatile goes in: no times, counters or addresses.
 */
export type Drift = string | undefined;

export function registryFileDrift(file: ManagedFile, expectedSha256: string, observed: ObservedRegistry): Drift {
  const found = observed.files[file.name];
  const name = file.path.slice(file.path.lastIndexOf("/") + 1);
  if (found === null) return `${name} missing`;
  return found === expectedSha256 ? undefined : `${name} edited`;
}

/** `applied` are the managed files that were applied last; one that is another by now is that file's own drift. */
export function registryServiceDrift(
  settings: Pick<RegistrySettings, "image" | "port">,
  applied: ObservedRegistry["files"],
  { unit, files, container, apiStatus, listeners, storage }: ObservedRegistry,
): Drift {
  if (!unit.loaded) return "unit not installed";
  if (!storage) return "storage folder missing";
  if (unit.enabled !== "enabled") return `unit ${unit.enabled}`;
  // While systemd restarts it again and again, state and container alternate: one reason for all of that.
  if (unit.active !== "active" && unit.active !== "activating") return `unit ${unit.active}`;
  if (unit.active !== "active" || container?.status !== "running" || apiStatus !== 200) return "API does not answer";
  if (container.image !== settings.image) return `image ${container.image}, declared ${settings.image}`;
  if (container.configSha256 !== applied.config) return "runs with another config.yml";
  if (container.published.some(({ address, port }) => !isLoopback(address) || port !== settings.port)) {
    return "published beyond its loopback port";
  }
  if (!listeners.every((listener) => isLoopback(listenerAddress(listener)))) return "listens beyond loopback";
  if (unit.dropIns) return `unit has drop-ins ${unit.dropIns.join(", ")}`;
  const asApplied = files.config === applied.config && files.compose === applied.compose && files.unit === applied.unit;
  return asApplied && (unit.needsReload || container.olderFiles) ? "runs with older files" : undefined;
}

/** The commit's image must be on its target, with the content that its delivery recorded. */
export function deliveryDrift(
  wanted: { readonly service: string; readonly commit: string; readonly digest?: string },
  stableImage: string,
  observed: ObservedService,
): Drift {
  const image = observed.images[wanted.commit];
  const name = `${stableImage}:${shortCommit(wanted.commit)}`;
  if (!image) return `image ${name} missing`;
  if (image.labels[imageLabels.revision] !== wanted.commit) return `image ${name} is of another commit`;
  if (!image.record) return `image ${name} has no delivery record`;
  if (image.record.imageId !== image.id) return `image ${name} is not the delivered one`;
  if (wanted.digest && image.record.digest !== wanted.digest) return `image ${name} was delivered by another digest`;
  return undefined;
}

export function deploymentDrift(
  wanted: { readonly service: string; readonly commit: string },
  target: ComposeTarget,
  observed: ObservedService,
): Drift {
  const { container, otherNames, images, stableImageId, envKeys } = observed;
  if (otherNames) {
    const others = otherNames.join(", ");
    return container
      ? `more containers than one: ${others}`
      : `container ${target.container} runs under the name ${others}`;
  }
  if (!container) return "container missing";
  const live = container.imageLabels[imageLabels.revision];
  if (live !== wanted.commit) {
    return `live commit ${live ? shortCommit(live) : "unknown"}, pinned ${shortCommit(wanted.commit)}`;
  }
  // A container that crashes again and again is now running, now restarting: one reason for both.
  const comesAndGoes = container.status === "running" || container.status === "restarting";
  if (!comesAndGoes) return `container ${container.status}`;
  const image = images[wanted.commit];
  // A moved tag is the delivery's drift: the container is measured by what was delivered.
  const delivered = image?.record?.imageId ?? image?.id;
  if (delivered && container.imageId !== delivered) return "container runs another image of the same commit";
  if (stableImageId !== container.imageId) return "stable tag moved to another image";
  const prefix = deployKeyPrefix(wanted.service);
  if (!envKeys) return "env file cannot be read";
  for (const key of ["COMMIT", "REQUESTED_COMMIT"]) {
    if (envKeys[prefix + key] !== wanted.commit) return `env file key ${prefix}${key} changed`;
  }
  if (envKeys[`${prefix}IMAGE`] !== `${imageRepository(wanted.service)}:${wanted.commit}`) {
    return `env file key ${prefix}IMAGE changed`;
  }
  const digest = image?.record?.digest;
  if (digest && envKeys[`${prefix}DIGEST`] !== digest) return `env file key ${prefix}DIGEST changed`;
  if (requestedCommit(wanted.service, container.deployEnv) !== wanted.commit) {
    return "container was asked for another commit";
  }
  if (!judgeDeployLabels(wanted, container, target).ok) return "deploy labels changed";
  const [reason] = judgeLive(wanted, container, target).reasons;
  if (!reason) return undefined;
  if (reason.what.startsWith("deploy.")) return `health says another ${reason.what}`;
  return reason.what.startsWith("gate ") ? `${reason.what} not passed` : "not healthy";
}

/** Whether a deployment that mends it makes a new container; a right one keeps running while its keys and tag are put right. */
export function recreates(drift: Drift): boolean {
  return drift !== undefined && !/^(env file key |stable tag moved )/.test(drift);
}

/** `127.0.0.1:5000`, `[::1]:5000`, `*:5000` as ss(8) prints them, without zone and port. */
export function listenerAddress(listener: string): string {
  return listener
    .slice(0, listener.lastIndexOf(":"))
    .replace(/%[^\]]*/, "")
    .replace(/^\[|\]$/g, "");
}

/** `[::1]:5000` counts as loopback. */
export function isLoopback(address: string): boolean {
  return address === "127.0.0.1" || address === "::1";
}
