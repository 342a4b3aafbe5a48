import type { Mended } from "../constructs/apply-step.ts";
import { pinFacts } from "../constructs/artifact-preflight.ts";
import { HealthCommitCheck, ImageLabelCheck } from "../constructs/checks.ts";
import { ComposeDeployment, deploymentFacts } from "../constructs/compose-deployment.ts";
import { HostDocker } from "../constructs/host-docker.ts";
import { ImageDelivery } from "../constructs/image-delivery.ts";
import { PulledImage } from "../constructs/pulled-image.ts";
import type { ComposeRuntime } from "../lib/catalog/index.ts";
import { type ComposeTarget, targetOf } from "../lib/compose/target.ts";
import type { Pin } from "../lib/config/deploy-file.ts";
import type { Site } from "../lib/config/site.ts";
import { type Repairs, repairOfAll } from "../lib/repairs.ts";
import { dockerEndpoint } from "../lib/ssh/docker-endpoint.ts";
import { deliveryDrift, deploymentDrift } from "../lib/verdicts/drift.ts";
import { mended, type PinContext, type PlannedPin, pinSpec, wantedBy } from "./planned-pin.ts";
import type { SiteStack } from "./site-stack.ts";

/** What the host was seen to need for one pin of a Compose service, and its resources. */
export function planComposePin(pin: Pin<ComposeRuntime>, site: Site, repairs: Repairs): PlannedPin {
  const target = targetOf(site, pin.consumer.runtime);
  const { delivered, deployed, byName } = plan(pin, target, repairs);
  const add = (stack: SiteStack, { runtime, changing, registry, preflight }: PinContext) => {
    // The registry's own host pulls from its loopback: Terraform's Docker provider can do that by itself.
    const docker = target.host === registry.host ? dockerOf(stack, site) : undefined;
    const after =
      docker && new PulledImage(stack, `${pin.service}-image`, { docker, registryPort: registry.port, pin, preflight });
    const delivery = new ImageDelivery(stack, `${pin.service}-delivery`, {
      runtime: changing,
      registry,
      target: target.host,
      pin,
      preflight,
      ...(after ? { after } : {}),
      ...delivered,
    });
    const deployment = new ComposeDeployment(stack, `${pin.service}-deployment`, {
      runtime: changing,
      pin,
      target,
      delivery,
      ...deployed,
    });
    const check = { runtime, pin, target, deployment, settled: repairOfAll(byName).ignore === "triggers" };
    new ImageLabelCheck(stack, `${pin.service}-image-label`, check);
    new HealthCommitCheck(stack, `${pin.service}-health-commit`, check);
  };
  return { byName, add };
}

/** One Docker provider a stack; also of a stack that only has an image to forget. */
export function dockerOf(stack: SiteStack, site: Site): HostDocker {
  const found = stack.node.tryFindChild("docker");
  if (found) return found as HostDocker;
  return new HostDocker(stack, "docker", { endpoint: dockerEndpoint(site.connections.d601) });
}

interface Plan {
  readonly delivered: Mended;
  readonly deployed: Mended;
  readonly byName: PlannedPin["byName"];
}

function plan(pin: Pin, target: ComposeTarget, repairs: Repairs): Plan {
  const { service } = pin;
  const { host } = target;
  const spec = pinSpec(pin, target);
  const deliveryName = `${service}-delivery`;
  const deploymentName = `${service}-deployment`;
  const delivered = mended(repairs, {
    name: deliveryName,
    host,
    spec,
    facts: pinFacts(pin),
    drift: (line, { services }) => {
      const seen = services.get(service);
      return seen && deliveryDrift(wantedBy(service, line), target.stableImage, seen);
    },
  });
  const deployed = mended(repairs, {
    name: deploymentName,
    host,
    spec,
    facts: deploymentFacts(pin, target),
    drift: (line, { services }) => {
      const seen = services.get(service);
      return seen && deploymentDrift(wantedBy(service, line), target, seen);
    },
  });
  return { delivered, deployed, byName: { [deliveryName]: delivered.repair, [deploymentName]: deployed.repair } };
}
