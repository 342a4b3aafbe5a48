import type { Construct } from "constructs";
import { hashOfRest, type Mended } from "../constructs/apply-step.ts";
import { ArtifactPreflight, pinFacts } from "../constructs/artifact-preflight.ts";
import { HealthCommitCheck, ImageLabelCheck } from "../constructs/checks.ts";
import { ComposeDeployment, deploymentFacts } from "../constructs/compose-deployment.ts";
import { ImageDelivery } from "../constructs/image-delivery.ts";
import { type ComposeTarget, targetOf } from "../lib/compose/target.ts";
import type { Pin } from "../lib/config/deploy-file.ts";
import type { HostName } from "../lib/config/hosts.ts";
import type { Environment } from "../lib/config/values.ts";
import { type Repairs, repairOfAll } from "../lib/repairs.ts";
import { deliveryDrift, deploymentDrift } from "../lib/verdicts/drift.ts";
import { SiteStack, type SiteStackProps } from "./site-stack.ts";

export interface EnvironmentStackProps extends SiteStackProps {
  readonly environment: Environment;
  readonly host: HostName;
}

/** Every pin of one environment on one host: preflight first, then each service by itself. */
export class EnvironmentStack extends SiteStack {
  constructor(scope: Construct, props: EnvironmentStackProps) {
    super(scope, `unidesk-${props.environment}-${props.host}`, props);
    const { site, runtime, environment, host } = props;
    const pins = props.pins.filter((pin) => pin.environment === environment && pin.consumer.runtime.host === host);
    if (pins.length === 0) return;
    const registry = { host: "d601" as const, port: site.registry.port };
    const planned = pins.map((pin) => plan(pin, targetOf(site, pin.consumer.runtime), this.repairs));
    const preflight = new ArtifactPreflight(this, "preflight", {
      runtime,
      registry,
      target: host,
      pins,
      repair: repairOfAll(Object.assign({}, ...planned.map(({ byName }) => byName))),
    });
    for (const { pin, target, delivered, deployed, byName } of planned) {
      const delivery = new ImageDelivery(this, `${pin.service}-delivery`, {
        runtime,
        registry,
        target: host,
        pin,
        preflight,
        ...delivered,
      });
      const deployment = new ComposeDeployment(this, `${pin.service}-deployment`, {
        runtime,
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
    return seen && deploymentDrift(wanted(line), seen);
  });
  return {
    pin,
    target,
    delivered,
    deployed,
    byName: { [deliveryName]: delivered.repair, [deploymentName]: deployed.repair },
  };
}
