import { Resource } from "@cdktf/provider-null/lib/resource/index.js";
import { keysToSnakeCase } from "cdktf/lib/util.js";
import { Construct } from "constructs";
import type { Connection } from "../lib/config/hosts.ts";
import { checkValue } from "../lib/config/json-file.ts";
import { hostPaths } from "../lib/host-paths.ts";
import { registryFiles } from "../lib/registry/files.ts";
import { installFileScript, startServiceScript, stopServiceScript } from "../lib/registry/scripts.ts";
import { RegistrySettings } from "../lib/registry/settings.ts";
import { ApplyStep, type StepRuntime, stepProvisioner } from "./apply-step.ts";
import { HostResource, reachesByTerraform, terraformConnection } from "./host-resource.ts";

export interface ArtifactRegistryProps {
  readonly runtime: StepRuntime;
  readonly host: Connection;
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
  constructor(scope: Construct, id: string, props: ArtifactRegistryProps) {
    super(scope, id);
    const { runtime, host } = props;
    const settings = checkValue(props.settings ?? {}, "registry", RegistrySettings);
    const files = registryFiles(settings, host);

    const managed = files.map((file) => {
      const stage = `${host.home}/.unidesk-stage-${settings.name}-${file.name}`;
      return new HostResource(this, `registry-${file.name}`, {
        runtime,
        host,
        purpose: `install ${file.path}`,
        upload: { path: stage, content: file.content },
        script: installFileScript(file, stage, hostPaths(host, settings.name)),
        facts: { path: file.path, sha256: file.sha256, content: file.content },
      });
    });

    const service = new HostResource(this, "registry-service", {
      runtime,
      host,
      purpose: `start ${settings.name}.service`,
      script: startServiceScript(settings, files),
      facts: { unit: `${settings.name}.service`, state: "enabled, active", image: settings.image },
      after: managed,
    });

    new ApplyStep(this, "registry-health", {
      runtime,
      step: "registry-health",
      spec: { host: host.name, settings },
      hosts: [host.name],
      facts: { listens: `${settings.address}:${settings.port}` },
      after: service,
    });

    this.stopOnDestroy(settings, runtime, host, service);
  }

  /**
   * A resource of its own that nothing ever replaces: a destroy provisioner runs on replacement too, and
   * a config edit must not stop the registry.
   */
  private stopOnDestroy(
    settings: RegistrySettings,
    runtime: StepRuntime,
    host: Connection,
    service: HostResource,
  ): void {
    const script = stopServiceScript(settings);
    const { type, ...provisioner } = reachesByTerraform(host)
      ? {
          type: "remote-exec",
          connection: keysToSnakeCase(terraformConnection(host, "registry-stop")),
          inline: [`set -eu\n${script}`],
        }
      : stepProvisioner(runtime, "host-script", [host.name], {
          host: host.name,
          purpose: "stop the registry",
          script,
          input: "",
        });
    const resource = new Resource(this, "registry-stop", { dependsOn: [service.resource] });
    resource.overrideLogicalId("registry-stop");
    // The bindings have no `when`, so the provisioner is written as Terraform's JSON has it.
    resource.addOverride("provisioner", [{ [type]: { ...provisioner, when: "destroy" } }]);
  }
}
