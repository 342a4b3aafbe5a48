import { createHash } from "node:crypto";
import { Resource } from "@cdktf/provider-null/lib/resource/index.js";
import { dependable, type LocalExecProvisioner } from "cdktf";
import { Construct } from "constructs";
import type { Connection, HostName } from "../lib/config/hosts.ts";
import { shellCommand } from "../lib/ssh/quote.ts";
import type { StepBundle } from "../lib/steps/bundle.ts";
import { stepVariables } from "../lib/steps/environment.ts";
import type { StepName, StepSpecs } from "../lib/steps/specs.ts";
import { escapeTemplate } from "./template.ts";

/** What every step of an app shares. */
export interface StepRuntime {
  readonly bundle: StepBundle;
  readonly connections: Readonly<Record<HostName, Connection>>;
}

export interface ApplyStepProps<Name extends StepName> {
  readonly runtime: StepRuntime;
  readonly step: Name;
  readonly spec: StepSpecs[Name];
  /** Hosts that the step talks to. */
  readonly hosts: readonly HostName[];
  /** What a reviewer reads in the diff: plain values that change exactly when the step has to run again. */
  readonly facts: Readonly<Record<string, string>>;
  /** Steps that come first. @default - none */
  readonly dependsOn?: readonly ApplyStep<StepName>[];
  /** Run again whenever this step does, in-place updates included. @default - only its own facts count */
  readonly after?: ApplyStep<StepName>;
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
    this.resource = new Resource(this, "Resource", {
      triggers: { ...escapeAll(props.facts), spec: hashOfRest(props.spec) },
      dependsOn: [...(props.dependsOn ?? []), ...(props.after ? [props.after] : [])].map(({ resource }) => resource),
      ...(props.after ? { lifecycle: { replaceTriggeredBy: [dependable(props.after.resource)] } } : {}),
      provisioners: [stepProvisioner(props.runtime, props.step, props.hosts, props.spec)],
    });
    this.resource.overrideLogicalId(id);
  }
}

/** Hash of what the facts do not already say: a new pin changes its commit in the diff and nothing beside it. */
function hashOfRest(spec: object): string {
  const rest = JSON.stringify(spec, (key, value) => (key === "artifact" || key === "pins" ? undefined : value));
  return createHash("sha256").update(rest).digest("hex").slice(0, 12);
}

/** Runs one step of the bundle on apply, with its spec as JSON. */
export function stepProvisioner<Name extends StepName>(
  runtime: StepRuntime,
  step: Name,
  hosts: readonly HostName[],
  spec: StepSpecs[Name],
): LocalExecProvisioner {
  return {
    type: "local-exec",
    command: escapeTemplate(shellCommand(["node", runtime.bundle.path, step])),
    environment: escapeAll({
      [stepVariables.spec]: JSON.stringify(spec),
      [stepVariables.connections]: JSON.stringify(hosts.map((host) => runtime.connections[host])),
      [stepVariables.bundle]: runtime.bundle.sha256,
    }),
  };
}

export function escapeAll(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, escapeTemplate(value)]));
}
