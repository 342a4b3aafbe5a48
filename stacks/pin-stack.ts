import type { Construct } from "constructs";
import { ApprovalGate } from "../constructs/approval-gate.ts";
import { ArtifactPreflight } from "../constructs/artifact-preflight.ts";
import { namespaceAddress, objectAddresses, preflightAddress, serviceAddresses } from "../lib/addresses.ts";
import { stepApproval } from "../lib/approval/source.ts";
import { findService, isConsumer } from "../lib/catalog/index.ts";
import { isComposePin, isK3sPin, type Pin } from "../lib/config/deploy-file.ts";
import type { HostName } from "../lib/config/hosts.ts";
import type { Environment } from "../lib/config/values.ts";
import type { Repair } from "../lib/repair.ts";
import { repairOfAll } from "../lib/repairs.ts";
import { stackName } from "../lib/stack-names.ts";
import { readStateObjects } from "../lib/state.ts";
import { dockerOf, planComposePin } from "./compose-pins.ts";
import { accessOf, planK3sPin } from "./k3s-pins.ts";
import type { PlannedPin } from "./planned-pin.ts";
import { SiteStack, type SiteStackProps } from "./site-stack.ts";

export interface PinStackProps extends SiteStackProps {
  readonly environment: Environment;
  /** Host that every pin of the stack is deployed on. */
  readonly host: HostName;
  /** Services whose pins are, or once were, in this stack. */
  readonly services: readonly string[];
}

/**
 * The pins that belong to one stack: preflight first, then each service by itself. Of a service without a
 * pin the stack forgets its resources; what runs keeps running until `unidesk retire`.
 */
export class PinStack extends SiteStack {
  constructor(scope: Construct, id: string, props: PinStackProps) {
    super(scope, id, props);
    const pins = props.pins.filter((pin) => stackName(pin.service, pin.environment, pin.consumer) === id);
    if (pins.length > 0) this.addPins(props, pins);
    // After the pins, whose provider it shares: of a supervised stack that asks for an approval.
    this.forgetUnpinned(props, id, pins);
  }

  private addPins(props: PinStackProps, pins: readonly Pin[]): void {
    const { site, runtime, host } = props;
    const registry = { host: "d601" as const, port: site.registry.port };
    const planned = pins.map((pin) => this.plan(pin, props));
    const repair = repairOfAll(Object.assign({}, ...planned.map(({ byName }) => byName)));
    const gate = this.approvalGate(props, pins, repair);
    const preflight = new ArtifactPreflight(this, "preflight", {
      runtime,
      registry,
      target: host,
      pins,
      repair,
      ...(gate ? { gate } : {}),
    });
    // What changes a host verifies the approval once more; what only reads may run after its end.
    const context = { runtime, changing: gate?.runtime ?? runtime, registry, preflight };
    for (const { add } of planned) add(this, context);
  }

  private plan(pin: Pin, { site, observed }: PinStackProps): PlannedPin {
    if (isComposePin(pin)) return planComposePin(pin, site, this.repairs);
    if (isK3sPin(pin)) return planK3sPin(pin, site, this.repairs, observed);
    throw new Error(`${pin.service} runs nowhere`);
  }

  /** A supervised pin has a stack of its own, which begins with the gate. */
  private approvalGate(
    { site, runtime }: PinStackProps,
    pins: readonly Pin[],
    repair: Repair,
  ): ApprovalGate | undefined {
    for (const pin of pins) {
      const { supervised } = pin.consumer;
      if (!supervised) continue;
      const approval = stepApproval(site, pin);
      const name = `${pin.service}-approval`;
      return new ApprovalGate(this, name, { runtime, pin, supervised, approval, repair });
    }
    return undefined;
  }

  private forgetUnpinned(
    { site, runtime, services, environment }: PinStackProps,
    id: string,
    pins: readonly Pin[],
  ): void {
    const unpinned = services.filter((service) => pins.every((pin) => pin.service !== service));
    const addresses = unpinned.flatMap((service) => serviceAddresses(service, environment));
    addresses.push(...unusedNamespaces(unpinned, environment, pins));
    if (pins.length === 0) addresses.push(preflightAddress);
    // Of a catalog that knew other workloads: without this the apply would delete what runs.
    const declared = new Set(pins.filter(isK3sPin).flatMap(({ consumer }) => objectAddresses(consumer.runtime)));
    addresses.push(...readStateObjects(site, id).filter((one) => !declared.has(one) && !addresses.includes(one)));
    if (addresses.length === 0) return;
    // A stack that forgets a resource has to know its provider, also when nothing else needs that.
    if (addresses.some((address) => address.startsWith("docker_image."))) dockerOf(this, site);
    if (addresses.some((address) => address.startsWith("kubernetes_")) && site.hosts.d601.kubernetes) {
      accessOf(this, site, runtime);
    }
    this.addOverride(
      "removed",
      addresses.map((from) => ({ from, lifecycle: { destroy: false } })),
    );
  }
}

/** Several services share the step that ensures their namespace: it is forgotten with the last pin that needs it. */
function unusedNamespaces(unpinned: readonly string[], environment: Environment, pins: readonly Pin[]): string[] {
  const used = new Set(pins.filter(isK3sPin).map(({ consumer }) => namespaceAddress(consumer.runtime)));
  const addresses = unpinned.flatMap((service) => {
    const consumer = findService(service)?.consumers[environment];
    return isConsumer(consumer) && consumer.runtime.kind === "k3s" ? [namespaceAddress(consumer.runtime)] : [];
  });
  return [...new Set(addresses)].filter((address) => !used.has(address));
}
