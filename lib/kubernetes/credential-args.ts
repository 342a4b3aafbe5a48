import type { Connection } from "../config/hosts.ts";
import type { StepBundle } from "../steps/bundle.ts";

/** Word of the bundle's command line that makes it a credential plugin of the Kubernetes provider. */
export const credentialCommand = "kubernetes-credential";

/** How the API server of a host's cluster is reached and known. Plain data without secrets. */
export interface CredentialSpec {
  readonly connection: Connection;
  /** Port of the API server on the host's loopback. */
  readonly apiPort: number;
  /** Port on the runner's loopback that leads there. */
  readonly localPort: number;
  /** PEM text of the authority that signed the API server's certificate. */
  readonly caCertificate: string;
}

/** Arguments of `node`. Everything is an argument, because cdktf changes the names of a provider's environment variables. */
export function credentialArgs(bundle: StepBundle, spec: CredentialSpec): string[] {
  return [bundle.path, credentialCommand, bundle.sha256, JSON.stringify(spec)];
}
