import type { StepApproval } from "../approval/request.ts";
import type { StepBundle } from "../steps/bundle.ts";
import type { ApiTunnelRoute } from "./api-tunnel-protocol.ts";

/** Word of the bundle's command line that makes it a credential plugin of the Kubernetes provider. */
export const credentialCommand = "kubernetes-credential";

/** How the API server of a host's cluster is reached and known. Plain data without secrets. */
export interface CredentialSpec extends ApiTunnelRoute {
  /** PEM text of the authority that signed the API server's certificate. */
  readonly caCertificate: string;
}

/**
 * Arguments of `node`. Everything is an argument, because cdktf changes the names of a provider's environment variables.
 *
 * @param approval What a person must have approved before an apply is given a credential. One more argument follows then:
 *   `false` where Terraform only plans.
 */
export function credentialArgs(bundle: StepBundle, spec: CredentialSpec, approval?: StepApproval): string[] {
  const args = [bundle.path, credentialCommand, bundle.sha256, JSON.stringify(spec)];
  return approval ? [...args, JSON.stringify(approval)] : args;
}
