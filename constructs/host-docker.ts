import { DockerProvider } from "@cdktf/provider-docker/lib/provider/index.js";
import { TerraformStack } from "cdktf";
import { Construct } from "constructs";
import type { DockerEndpoint } from "../lib/ssh/docker-endpoint.ts";
import { escapeTemplate } from "./template.ts";

export interface HostDockerProps {
  /** The host's Docker; `dockerEndpoint` of its connection. */
  readonly endpoint: DockerEndpoint;
}

/** Terraform's Docker provider for one host, over SSH with the pinned host keys. One a stack. */
export class HostDocker extends Construct {
  readonly provider: DockerProvider;

  constructor(scope: Construct, id: string, props: HostDockerProps) {
    super(scope, id);
    const { host, sshOptions } = props.endpoint;
    this.provider = new DockerProvider(this, "Provider", {
      host: escapeTemplate(host),
      sshOpts: sshOptions.map(escapeTemplate),
      // Left out, DOCKER_CONTEXT and DOCKER_CERT_PATH of the runner would lead to another Docker.
      context: "",
      certPath: "",
    });
    // The bindings pin one version exactly; the schema of docker_image is the same up to the next major.
    TerraformStack.of(this).addOverride("terraform.required_providers.docker.version", ">= 3.6.2, < 5.0.0");
  }
}
