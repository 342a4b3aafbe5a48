import type { Construct } from "constructs";
import { hashOfRest, type Mended } from "../constructs/apply-step.ts";
import { ApprovalGate } from "../constructs/approval-gate.ts";
import { ArtifactPreflight, pinFacts } from "../constructs/artifact-preflight.ts";
import { HealthCommitCheck, ImageLabelCheck } from "../constructs/checks.ts";
import { ComposeDeployment, deploymentFacts } from "../constructs/compose-deployment.ts";
import { HostDocker } from "../constructs/host-docker.ts";
import { ImageDelivery } from "../constructs/image-delivery.ts";
import { PulledImage } from "../constructs/pulled-image.ts";
import { stepApproval } from "../lib/approval/source.ts";
import { type ComposeTarget, targetOf } from "../lib/compose/target.ts";
import type { Pin } from "../lib/config/deploy-file.ts";
import type { HostName } from "../lib/config/hosts.ts";
import type { Site } from "../lib/config/site.ts";
import type { Repair } from "../lib/repair.ts";
import { type Repairs, repairOfAll } from "../lib/repairs.ts";
import { dockerEndpoint } from "../lib/ssh/docker-endpoint.ts";
import { stackName } from "../lib/stack-names.ts";
import { deliveryDrift, deploymentDrift } from "../lib/verdicts/drift.ts";
import { SiteStack, type SiteStackProps } from "./site-stack.ts";

export interface PinStackProps extends SiteStackProps {
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
    const { site, runtime, host } = props;
    const pins = props.pins.filter((pin) => stackName(pin.service, pin.environment, pin.consumer) === id);
    this.forgetUnpinned(props, pins);
    if (pins.length === 0) return;
    const registry = { host: "d601" as const, port: site.registry.port };
    const planned = pins.map((pin) => plan(pin, targetOf(site, pin.consumer.runtime), this.repairs));
    const repair = repairOfAll(Object.assign({}, ...planned.map(({ byName }) => byName)));
    const gate = this.approvalGate(props, pins, repair);
    // What changes a host verifies the approval once more; what only reads may run after its end.
    const changing = gate?.runtime ?? runtime;
    const preflight = new ArtifactPreflight(this, "preflight", {
      runtime,
      registry,
      target: host,
      pins,
      repair,
      ...(gate ? { gate } : {}),
    });
    // The registry's own host pulls from its loopback: Terraform's Docker provider can do that by itself.
    const docker = host === registry.host ? this.docker(site) : undefined;
    for (const { pin, target, delivered, deployed, byName } of planned) {
      const after =
        docker &&
        new PulledImage(this, `${pin.service}-image`, { docker, registryPort: registry.port, pin, preflight });
      const delivery = new ImageDelivery(this, `${pin.service}-delivery`, {
        runtime: changing,
        registry,
        target: host,
        pin,
        preflight,
        ...(after ? { after } : {}),
        ...delivered,
      });
      const deployment = new ComposeDeployment(this, `${pin.service}-deployment`, {
        runtime: changing,
        pin,
        target,
        delivery,
        ...deployed,
      });
      const check = { runtime, pin, target, deployment, settled: repairOfAll(byName).ignore === "triggers" };
      new ImageLabelCheck(this, `${pin.service}-image-label`, check);
      new HealthCommitCheck(this, `${pin.service}-health-commit`, check);
    }
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
      return new ApprovalGate(this, `${pin.service}-approval`, { runtime, pin, supervised, approval, repair });
    }
    return undefined;
  }

  private docker(site: Site): HostDocker {
    return new HostDocker(this, "docker", { endpoint: dockerEndpoint(site.connections.d601) });
  }

  private forgetUnpinned({ site, services, host }: PinStackProps, pins: readonly Pin[]): void {
    const unpinned = services.filter((service) => pins.every((pin) => pin.service !== service));
    const addresses = unpinned.flatMap((service) => [
      ...["approval", "delivery", "deployment", "image-label", "health-commit"].map(
        (part) => `null_resource.${service}-${part}`,
      ),
      ...(host === "d601" ? [`docker_image.${service}-image`] : []),
    ]);
    if (pins.length === 0) addresses.push("null_resource.preflight");
    if (addresses.length === 0) return;
    // A stack that forgets a resource has to know its provider, also when nothing else needs that.
    if (host === "d601" && pins.length === 0) this.docker(site);
    this.addOverride(
      "removed",
      addresses.map((from) => ({ from, lifecycle: { destroy: false } })),
    );
  }
}

interface PlannedPin {
  readonly pin: Pin;
  readonly target: ComposeTarget;
  readonly delivered: Mended;
  readonly deployed: Mended;
  readonly byName: Readonly<Record<string, Mended["repair"]>>;
}

/** What the host was seen to need for one pin. The commit is the first word of a spec. */
function plan(pin: Pin, target: ComposeTarget, repairs: Repairs): PlannedPin {
  const { service } = pin;
  const spec = `${pin.commit} ${pin.digest ?? "-"} ${hashOfRest({ target })}`;
  const wanted = (line: string) => {
    const [commit = "", digest = "-"] = line.split(" ");
    return { service, commit, ...(digest === "-" ? {} : { digest }) };
  };
  const mended = (
    name: string,
    facts: Record<string, string>,
    drift: Parameters<Repairs["decide"]>[0]["drift"],
  ): Mended => ({
    receipt: { key: repairs.key(name), spec },
    repair: repairs.decide({ name, host: target.host, spec, facts, drift }),
  });
  const deliveryName = `${service}-delivery`;
  const deploymentName = `${service}-deployment`;
  const delivered = mended(deliveryName, pinFacts(pin), (line, { services }) => {
    const seen = services.get(service);
    return seen && deliveryDrift(wanted(line), target.stableImage, seen);
  });
  const deployed = mended(deploymentName, deploymentFacts(pin, target), (line, { services }) => {
    const seen = services.get(service);
    return seen && deploymentDrift(wanted(line), target, seen);
  });
  return {
    pin,
    target,
    delivered,
    deployed,
    byName: { [deliveryName]: delivered.repair, [deploymentName]: deployed.repair },
  };
}
