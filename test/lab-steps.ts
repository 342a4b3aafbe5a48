import { join } from "node:path";
import { execa } from "execa";
import type { HostName } from "../lab/index.ts";
import type { Connection } from "../lib/config/hosts.ts";
import { bundleSteps, type StepBundle } from "../lib/steps/bundle.ts";
import { stepVariables } from "../lib/steps/environment.ts";
import type { StepName, StepReceipt, StepSpecs } from "../lib/steps/specs.ts";
import { checkout, type LabSite, type Outcome } from "./lab-support.ts";

export interface StepOptions {
  /** Written on its host after success. @default - none */
  readonly receipt?: StepReceipt;
  /** Further environment variables. @default - none */
  readonly env?: Readonly<Record<string, string>>;
  /** Changes how a host is reached. @default - as the lab's */
  readonly connection?: (connection: Connection) => Connection;
}

/** Runs single steps of the real bundle, as an apply does, without Terraform around them. */
export class StepRunner {
  private bundle: StepBundle | undefined;

  constructor(private readonly site: LabSite) {}

  /** A started step in a process group of its own; `kill` what it returns, or await it. */
  start<Name extends StepName>(
    name: Name,
    spec: StepSpecs[Name],
    hosts: readonly HostName[],
    options: StepOptions = {},
  ) {
    this.bundle ??= bundleSteps(checkout, join(checkout, ".unidesk", "steps"));
    const { connection = (same) => same, receipt, env } = options;
    return execa("node", [this.bundle.path, name], {
      all: true,
      reject: false,
      stdin: "ignore",
      detached: true,
      timeout: 360_000,
      env: {
        TMPDIR: this.site.folder,
        [stepVariables.spec]: JSON.stringify(spec),
        [stepVariables.connections]: JSON.stringify(hosts.map((host) => connection(this.site.connection(host)))),
        [stepVariables.bundle]: this.bundle.sha256,
        ...(receipt ? { [stepVariables.receipt]: JSON.stringify(receipt), [stepVariables.repair]: "" } : {}),
        ...env,
      },
    });
  }

  async run<Name extends StepName>(
    name: Name,
    spec: StepSpecs[Name],
    hosts: readonly HostName[],
    options: StepOptions = {},
  ): Promise<Outcome> {
    const result = await this.start(name, spec, hosts, options);
    const outcome = { exitCode: result.exitCode ?? -1, stdout: result.stdout, output: result.all };
    this.site.printed.push(outcome.output);
    return outcome;
  }

  /** A step that must succeed; returns what it printed. */
  async pass<Name extends StepName>(
    name: Name,
    spec: StepSpecs[Name],
    hosts: readonly HostName[],
    options: StepOptions = {},
  ): Promise<string> {
    const { exitCode, output } = await this.run(name, spec, hosts, options);
    if (exitCode !== 0) throw new Error(`step ${name} exited with ${exitCode}:\n${output}`);
    return output;
  }

  /** A step that must fail; returns what it printed. */
  async fail<Name extends StepName>(
    name: Name,
    spec: StepSpecs[Name],
    hosts: readonly HostName[],
    options: StepOptions = {},
  ): Promise<string> {
    const { exitCode, output } = await this.run(name, spec, hosts, options);
    if (exitCode === 0) throw new Error(`step ${name} should have failed, but did not:\n${output}`);
    return output;
  }
}
