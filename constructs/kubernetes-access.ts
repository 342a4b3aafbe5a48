import { KubernetesProvider } from "@cdktf/provider-kubernetes/lib/provider/index.js";
import { type TerraformResource, TerraformStack } from "cdktf";
import { Construct } from "constructs";
import { type CredentialSpec, credentialArgs } from "../lib/kubernetes/credential-args.ts";
import type { StepRuntime } from "./apply-step.ts";
import { ClusterBoundary } from "./cluster-boundary.ts";
import { escapeTemplate } from "./template.ts";

export interface KubernetesAccessProps extends CredentialSpec {
  /** With an approval where the stack is supervised: an apply gets no credential without it, a plan always does. */
  readonly runtime: Pick<StepRuntime, "bundle" | "approval">;
}

/**
 * Terraform's Kubernetes provider for one cluster, by way of an SSH tunnel that a command of ours opens. That command
 * hands out the client certificate for seconds, so none is in the configuration, plan or state. One a stack.
 */
export class KubernetesAccess extends Construct {
  readonly provider: KubernetesProvider;
  private readonly imported: { readonly to: string; readonly id: string }[] = [];

  constructor(scope: Construct, id: string, { runtime, ...spec }: KubernetesAccessProps) {
    super(scope, id);
    const { localPort, caCertificate } = spec;
    const { bundle, approval } = runtime;
    const args = credentialArgs(bundle, spec, approval).map(escapeTemplate);
    if (approval) args.push(isApplying);
    this.provider = new KubernetesProvider(this, "Provider", {
      host: `https://127.0.0.1:${localPort}`,
      clusterCaCertificate: escapeTemplate(caCertificate),
      exec: [{ apiVersion: "client.authentication.k8s.io/v1beta1", command: "node", args }],
      ...nothingOfTheUsers,
    });
    const stack = TerraformStack.of(this);
    // The bindings pin one version exactly; kubernetes_deployment and kubernetes_service are in all of these.
    stack.addOverride("terraform.required_providers.kubernetes.version", ">= 1.13.4, < 4.0.0");
    stack.node.addValidation(new ClusterBoundary(stack));
  }

  /**
   * Takes an object that is there over into a state that lacks it; a state that knows it is left alone. Not the bindings'
   * `importFrom`: that starts Terraform at every synth, once for each object, to ask for its version.
   *
   * @param id `<namespace>/<name>`.
   */
  importExisting({ terraformResourceType, friendlyUniqueId }: TerraformResource, id: string): void {
    this.imported.push({ to: `${terraformResourceType}.${friendlyUniqueId}`, id });
    TerraformStack.of(this).addOverride("import", this.imported);
  }
}

/** Known to Terraform alone, which evaluates it in each walk and keeps it nowhere (Terraform 1.10, OpenTofu 1.11). */
const isApplying = `\${terraform.applying}`;

/**
 * What is left out the provider takes from the runner's environment, and version 1 from ~/.kube/config: it would add
 * the user's own credentials to ours. The empty file is one that every version reads in place of the user's.
 */
const nothingOfTheUsers = {
  configPath: "/dev/null",
  configContext: "",
  configContextAuthInfo: "",
  configContextCluster: "",
  insecure: false,
  username: "",
  password: "",
  clientCertificate: "",
  clientKey: "",
  token: "",
} as const;
