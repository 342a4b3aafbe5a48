import { Resource } from "@cdktf/provider-null/lib/resource/index.js";
import { keysToSnakeCase } from "cdktf/lib/util.js";
import { Construct } from "constructs";
import type { Connection } from "../lib/config/hosts.ts";
import { checkValue } from "../lib/config/json-file.ts";
import { hostPaths } from "../lib/host-paths.ts";
import { type ManagedFile, registryFiles } from "../lib/registry/files.ts";
import { installFileScript, startServiceScript, stopServiceScript } from "../lib/registry/scripts.ts";
import { RegistrySettings } from "../lib/registry/settings.ts";
import type { Repairs } from "../lib/repairs.ts";
import { registryFileDrift, registryServiceDrift } from "../lib/verdicts/drift.ts";
import { ApplyStep, type StepRuntime, stepProvisioner } from "./apply-step.ts";
import { HostResource, reachesByTerraform, terraformConnection } from "./host-resource.ts";

export interface ArtifactRegistryProps {
  readonly runtime: StepRuntime;
  readonly host: Connection;
  readonly repairs: Repairs;
  /** Image, names and port. Anything but a loopback address is rejected. @default - the documented ones */
  readonly settings?: Partial<RegistrySettings>;
}

/**
 * The artifact registry of a host: three managed files, a systemd unit that is enabled and started, and
 * a check that it is as declared and reachable on loopback only.
 *
 * A changed file is written and the unit restarted. Destroy stops and disables the unit and leaves every
 * file; the storage folder is never deleted.
 */
export class ArtifactRegistry extends Construct {
  private readonly settings: RegistrySettings;
  private readonly files: readonly ManagedFile[];

  constructor(
    scope: Construct,
    id: string,
    private readonly props: ArtifactRegistryProps,
  ) {
    super(scope, id);
    const { runtime, host } = props;
    this.settings = checkValue(props.settings ?? {}, "registry", RegistrySettings);
    this.files = registryFiles(this.settings, host);

    const managed = this.files.map((file) => this.managedFile(file));
    const service = this.service(managed);
    new ApplyStep(this, "registry-health", {
      runtime,
      step: "registry-health",
      spec: { host: host.name, settings: this.settings },
      hosts: [host.name],
      facts: { listens: `${this.settings.address}:${this.settings.port}` },
      after: service,
    });
    this.stopOnDestroy(service);
  }

  private managedFile(file: ManagedFile): HostResource {
    const { runtime, host, repairs } = this.props;
    const stage = `${host.home}/.unidesk-stage-${this.settings.name}-${file.name}`;
    const name = `registry-${file.name}`;
    const facts = { path: file.path, sha256: file.sha256, content: file.content };
    return new HostResource(this, name, {
      runtime,
      host,
      purpose: `install ${file.path}`,
      upload: { path: stage, content: file.content },
      script: installFileScript(file, stage, hostPaths(host, this.settings.name)),
      facts,
      receipt: { key: repairs.key(name), spec: file.sha256 },
      repair: repairs.decide({
        name,
        host: host.name,
        spec: file.sha256,
        facts,
        drift: (spec, { registry }) => registry && registryFileDrift(file, spec, registry),
      }),
    });
  }

  private service(managed: readonly HostResource[]): HostResource {
    const { runtime, host, repairs } = this.props;
    const { image, name: unit, address, port } = this.settings;
    const name = "registry-service";
    const spec = `${image} ${address}:${port}`;
    const facts = { unit: `${unit}.service`, state: "enabled, active", image };
    // A file that is declared but not applied yet is the diff of its own resource.
    const applied = (of: ManagedFile["name"]) =>
      repairs.receipt(`registry-${of}`, host.name)?.spec ?? this.files.find((file) => file.name === of)?.sha256 ?? "";
    const files = { config: applied("config"), compose: applied("compose"), unit: applied("unit") };
    return new HostResource(this, name, {
      runtime,
      host,
      purpose: `start ${unit}.service`,
      script: startServiceScript(this.settings, this.files, hostPaths(host, unit).registry.storage),
      facts,
      receipt: { key: repairs.key(name), spec },
      repair: repairs.decide({
        name,
        host: host.name,
        spec,
        facts,
        drift: (line, { registry }) => {
          const [declared = image, listens = ""] = line.split(" ");
          const settings = { image: declared, port: Number(listens.split(":")[1] ?? port) };
          return registry && registryServiceDrift(settings, files, registry);
        },
      }),
      after: managed,
    });
  }

  /**
   * A resource of its own that nothing ever replaces: a destroy provisioner runs on replacement too, and
   * a config edit must not stop the registry.
   */
  private stopOnDestroy(service: HostResource): void {
    const { runtime, host } = this.props;
    const script = stopServiceScript(this.settings);
    const connection = () => keysToSnakeCase(terraformConnection(host, "registry-stop"));
    const spec = { host: host.name, purpose: "stop the registry", script, input: "" };
    const { type, ...provisioner } = reachesByTerraform(host)
      ? { type: "remote-exec", connection: connection(), inline: [`set -eu\n${script}`] }
      : stepProvisioner(runtime, "host-script", [host.name], spec);
    const resource = new Resource(this, "registry-stop", { dependsOn: [service.resource] });
    resource.overrideLogicalId("registry-stop");
    // The bindings have no `when`, so the provisioner is written as Terraform's JSON has it.
    resource.addOverride("provisioner", [{ [type]: { ...provisioner, when: "destroy" } }]);
  }
}
