import { InfraBlockedError, type Problem, UserError } from "../errors.ts";
import { openMaster } from "../ssh/master.ts";
import { type ClientCertificate, readAdminCertificate } from "./admin-certificate.ts";
import { verifyApiServer } from "./api-server.ts";
import { ensureApiTunnel } from "./api-tunnel.ts";
import type { CredentialSpec } from "./credential-args.ts";

const apiVersion = "client.authentication.k8s.io/v1beta1";

/** The provider asks again after this time, so that a tunnel that died is opened again in the middle of an apply. */
const validMs = 30_000;

/**
 * What a credential plugin prints for the Kubernetes provider (an ExecCredential), after the way to the API server was
 * opened and that server has proved that it is the pinned one.
 */
export async function kubernetesCredential(spec: CredentialSpec): Promise<string> {
  const { connection } = spec;
  // Says first whether the host and its key are as pinned, and makes the commands after it cheap.
  await openMaster(connection);
  const [client] = await allOrFirst([readAdminCertificate(connection), ensureApiTunnel(spec)]);
  await verifyApiServer(spec);
  return rendered(client, new Date(Date.now() + validMs));
}

export function rendered({ certificate, key }: ClientCertificate, expires: Date): string {
  return JSON.stringify({
    apiVersion,
    kind: "ExecCredential",
    status: {
      clientCertificateData: certificate,
      clientKeyData: key,
      expirationTimestamp: expires.toISOString().replace(/\.\d+Z$/, "Z"),
    },
  });
}

/**
 * What to print instead where there is none. Terraform shows neither a plugin's standard error nor more than its exit
 * code, but it does show a kind of object that it does not know: so the reason is that kind, on one line.
 */
export function refusal(error: unknown): string {
  return JSON.stringify({ apiVersion, kind: reasonOf(error) });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof UserError)) return "the credential command failed; TF_LOG=info shows its message";
  const blocked = error instanceof InfraBlockedError ? "infra-blocked: " : "";
  const { what, ...rest } = error.problem;
  const parts = Object.entries(rest satisfies Omit<Problem, "what">).map(([name, text]) => `${name}: ${text}`);
  return [`${blocked}${what}`, ...parts].join("; ").replaceAll(/\s+/g, " ");
}

/** Both have ended before the first one's error is thrown: nothing goes on behind the back of the caller. */
async function allOrFirst<A, B>([a, b]: [Promise<A>, Promise<B>]): Promise<[A, B]> {
  await Promise.allSettled([a, b]);
  return Promise.all([a, b]);
}
