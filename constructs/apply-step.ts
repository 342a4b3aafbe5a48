import { createHash } from "node:crypto";
import { Resource } from "@cdktf/provider-null/lib/resource/index.js";
import { dependable, type LocalExecProvisioner, type TerraformResource, type TerraformResourceLifecycle } from "cdktf";
import { Construct } from "constructs";
import type { StepApproval } from "../lib/approval/request.ts";
import type { Connection, HostName } from "../lib/config/hosts.ts";
import type { ReceiptKey } from "../lib/receipts.ts";
import type { Repair } from "../lib/repair.ts";
import { shellCommand } from "../lib/ssh/quote.ts";
import type { StepBundle } from "../lib/steps/bundle.ts";
import { stepVariables } from "../lib/steps/environment.ts";
import type { StepName, StepReceipt, StepSpecs } from "../lib/steps/specs.ts";
import { escapeTemplate } from "./template.ts";

/** What every step of an app shares. */
export interface StepRuntime {
  readonly bundle: StepBundle;
  readonly connections: Readonly<Record<HostName, Connection>>;
  /** What a person must have approved before a step runs. @default - nothing: the steps are not supervised */
  readonly approval?: StepApproval;
}

/** Repair and receipt of a resource that changes a host. */
export interface Mended {
  readonly repair: Repair;
  readonly receipt: { readonly key: ReceiptKey; readonly spec: string };
}

/** A step, or what holds a resource of Terraform's own providers. */
export interface Applied {
  readonly resource: TerraformResource;
}

export interface ApplyStepProps<Name extends StepName> {
  readonly runtime: StepRuntime;
  readonly step: Name;
  readonly spec: StepSpecs[Name];
  /** Hosts that the step talks to; the last one is the one that it changes. */
  readonly hosts: readonly HostName[];
  /** What a reviewer reads in the diff: plain values that change exactly when the step has to run again. */
  readonly facts: Readonly<Record<string, string>>;
  /** What the hosts were seen to need. @default - no trigger `repair`: the step reads only, after one that has it */
  readonly repair?: Repair;
  /** The hosts are as declared, so that triggers of an old state do not count. @default false */
  readonly settled?: boolean;
  /** Left on the last host after the step succeeded. @default - none: the step reads only */
  readonly receipt?: Mended["receipt"];
  /** Steps and other resources that come first. @default - none */
  readonly dependsOn?: readonly Applied[];
  /** Come first; whenever one of them runs or changes, in-place updates included, so does this. @default - only its own facts count */
  readonly after?: Applied | readonly Applied[];
}

/**
 * One action of an apply: a null_resource whose triggers are readable facts and whose provisioner runs
 * one step of the bundle. A changed fact replaces it, which runs the step; destroying it does nothing.
 * The id is the Terraform address and a contract.
 */
export class ApplyStep<Name extends StepName> extends Construct {
  readonly resource: Resource;

  constructor(scope: Construct, id: string, props: ApplyStepProps<Name>) {
    super(scope, id);
    const { repair, receipt } = props;
    const after = [props.after ?? []].flat().map(({ resource }) => resource);
    const host = props.hosts.at(-1);
    this.resource = new Resource(this, "Resource", {
      triggers: {
        ...escapeAll(props.facts),
        spec: hashOfRest(props.spec),
        ...(repair ? { repair: escapeTemplate(repair.value) } : {}),
      },
      dependsOn: [...(props.dependsOn ?? []).map(({ resource }) => resource), ...after],
      lifecycle: lifecycleOf(repair?.ignore ?? (props.settled ? "triggers" : "none"), after),
      provisioners: [
        stepProvisioner(
          props.runtime,
          props.step,
          props.hosts,
          props.spec,
          receipt && host ? { host, ...receipt } : undefined,
        ),
      ],
    });
    this.resource.overrideLogicalId(id);
  }
}

/** Which changes Terraform leaves out, and which resources make it run again. */
export function lifecycleOf(ignore: Repair["ignore"], after: readonly TerraformResource[]): TerraformResourceLifecycle {
  const ignored = { none: [], repair: ['triggers["repair"]'], triggers: ["triggers"] }[ignore];
  return {
    // Otherwise Terraform first forgets every resource that it means to replace, and a refused preflight
    // would leave a state that knows nothing of what is still live.
    createBeforeDestroy: true,
    ...(ignored.length > 0 ? { ignoreChanges: ignored } : {}),
    ...(after.length > 0 ? { replaceTriggeredBy: after.map((resource) => dependable(resource)) } : {}),
  };
}

/** The trigger as it stands in the state after the apply; Terraform drops an ignored key on some replacements. */
export const repairOfSelf = `\${lookup(self.triggers, "repair", "")}`;

/** What the facts say, and what was seen and is not declared. */
const leftOut = ["artifact", "pins", "seen"];

/** Hash of what the facts do not already say: a new pin changes its commit in the diff and nothing beside it. */
export function hashOfRest(spec: object): string {
  const rest = JSON.stringify(spec, (key, value) => (leftOut.includes(key) ? undefined : value));
  return createHash("sha256").update(rest).digest("hex").slice(0, 12);
}

/** Runs one step of the bundle on apply, with its spec as JSON. */
export function stepProvisioner<Name extends StepName>(
  runtime: StepRuntime,
  step: Name,
  hosts: readonly HostName[],
  spec: StepSpecs[Name],
  receipt?: StepReceipt,
): LocalExecProvisioner {
  return {
    type: "local-exec",
    command: escapeTemplate(shellCommand(["node", runtime.bundle.path, step])),
    environment: {
      ...escapeAll({
        [stepVariables.spec]: JSON.stringify(spec),
        [stepVariables.connections]: JSON.stringify(hosts.map((host) => runtime.connections[host])),
        [stepVariables.bundle]: runtime.bundle.sha256,
        ...(receipt ? { [stepVariables.receipt]: JSON.stringify(receipt) } : {}),
        ...(runtime.approval ? { [stepVariables.approval]: JSON.stringify(runtime.approval) } : {}),
      }),
      ...(receipt ? { [stepVariables.repair]: repairOfSelf } : {}),
    },
  };
}

export function escapeAll(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, escapeTemplate(value)]));
}
