import { isComposePin, isK3sPin, type Pin, pinName } from "../config/deploy-file.ts";
import type { Site } from "../config/site.ts";
import { authSyncSpecOf, k3sTargetOf } from "../kubernetes/target.ts";
import { authKey } from "../observe/auth.ts";
import type { ObservedService } from "../observe/compose.ts";
import { k3sKey, type ObservedK3s } from "../observe/k3s.ts";
import type { ObservedRegistry } from "../observe/registry.ts";
import type { SiteFacts } from "../observe/site.ts";
import { registryStack, stackName } from "../stack-names.ts";
import type { ArtifactLook } from "./artifacts.ts";
import type { Live } from "./live.ts";

/** What is said of one thing: what it is, and the value. */
type Say = (key: string, value: unknown) => void;

/**
 * What the hosts were seen to hold of these stacks, as one line a fact, sorted; each begins with its stack. What another
 * stack's services do is nothing to these. Nothing that changes by itself goes in: no free space, times, counters,
 * addresses or names of pods, and not whether a service answers, which comes and goes with a container that crashes; where
 * an apply would mend that, the plan says so. Two looks at hosts that nobody touched agree.
 */
export function factLines(
  site: Site,
  stacks: readonly string[],
  pins: readonly Pin[],
  { hosts }: Pick<SiteFacts, "hosts">,
): string[] {
  const lines: string[] = [];
  const sayOf =
    (stack: string, host: string): Say =>
    (key, value) =>
      lines.push(`${stack} ${host} ${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`);
  if (stacks.includes(registryStack)) {
    for (const [host, { registry, machine }] of Object.entries(hosts)) {
      if (!registry) continue;
      const say = sayOf(registryStack, host);
      say("machine", machine);
      sayRegistry(say, registry);
    }
  }
  for (const pin of pins) {
    const { service, environment, consumer } = pin;
    const stack = stackName(service, environment, consumer);
    // What is never applied may name what another pin runs.
    if (consumer.planOnly || !stacks.includes(stack)) continue;
    const host = hosts[consumer.runtime.host];
    const say = sayOf(stack, consumer.runtime.host);
    if (host) say("machine", host.machine);
    if (isComposePin(pin)) sayService(say, service, host?.services.get(service));
    if (!isK3sPin(pin)) continue;
    const key = k3sKey({ service, target: k3sTargetOf(site, pin.consumer.runtime) });
    sayK3s(say, key, host?.k3s.get(key));
    const sync = authSyncSpecOf(site, pin.consumer.runtime);
    for (const [end, { auth }] of sync ? Object.entries(hosts) : []) {
      const seen = sync && auth.get(authKey(sync));
      if (seen) sayOf(stack, end)(`auth ${authKey(sync)}`, seen);
    }
  }
  return [...new Set(lines)].sort();
}

/**
 * What the registry holds of pins without a digest that have to be delivered: the tag alone says what would come, and
 * under the same tag another image may have been published since.
 */
export function comingLines(
  pins: readonly Pin[],
  live: ReadonlyMap<string, Pick<Live, "delivered">>,
  artifacts: Pick<ArtifactLook, "find">,
): string[] {
  const coming = pins.filter(
    (pin) => pin.digest === undefined && !pin.consumer.planOnly && !live.get(pinName(pin))?.delivered,
  );
  return coming.map((pin) => {
    const found = artifacts.find(pin.service, pin.commit);
    const digest = found === undefined ? "not asked" : (found?.digest ?? "none");
    return `${stackName(pin.service, pin.environment, pin.consumer)} registry ${pinName(pin)}: ${digest}`;
  });
}

function sayRegistry(say: Say, { files, unit, container }: ObservedRegistry): void {
  // While systemd starts it again and again, these words alternate.
  const active = unit.active === "activating" ? "active" : unit.active;
  say("registry files", files);
  say("registry", [unit.loaded, unit.enabled, active, container?.image ?? null, container?.configSha256 ?? null]);
}

function sayService(say: Say, service: string, seen: ObservedService | undefined): void {
  if (!seen) return;
  const { container, stableImageId, images, envKeys, secrets, recreateWouldChange, resolved } = seen;
  say(`${service} container`, container?.id ?? "none");
  say(`${service} container's image`, container?.imageId ?? "none");
  say(`${service} container's deploy metadata`, [container?.deployEnv ?? null, container?.labels ?? null]);
  say(`${service} images`, imagesOf(images));
  say(`${service} stable image`, stableImageId ?? "none");
  say(`${service} keys of the env file`, envKeys ?? null);
  // Whether they are there; their length is nobody's business here.
  say(`${service} secrets`, present(secrets));
  say(`${service} recreate would change more`, recreateWouldChange ?? null);
  say(`${service} configuration`, resolved ?? "not seen");
}

function sayK3s(say: Say, key: string, seen: ObservedK3s | undefined): void {
  if (!seen) return;
  const { images, cluster } = seen;
  say(`${key} images`, images === undefined ? null : imagesOf(images));
  say(`${key} namespace`, cluster?.namespace ?? null);
  for (const [name, { deployment, service, autoscaled }] of Object.entries(cluster?.workloads ?? {})) {
    // What an autoscaler sets changes by itself.
    const scale = autoscaled ? ["autoscaled"] : [deployment?.replicas, deployment?.generation];
    const says = deployment ? [deployment.image, deployment.requestedCommit, ...scale] : null;
    say(`${key} ${name} Deployment`, says);
    say(`${key} ${name} Service`, service?.ports ?? null);
  }
}

interface Held {
  readonly id?: string;
  readonly digest?: string;
  readonly record: { readonly digest: string } | undefined;
}

/** Without what the records say of the delivery's length and duration. */
function imagesOf(images: Readonly<Record<string, Held>>): string {
  const held = Object.entries(images).map(([commit, { id, digest, record }]) =>
    [commit, id ?? digest, record?.digest ?? "no record"].join(" "),
  );
  return JSON.stringify(held.sort());
}

function present(secrets: Readonly<Record<string, number>> | undefined): string {
  return secrets ? JSON.stringify(Object.entries(secrets).map(([key, length]) => [key, length > 0])) : "not seen";
}
