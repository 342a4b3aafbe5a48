import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { exitCodes, messageOf, UserError } from "../errors.ts";
import { type Hosts, runnerPath } from "./hosts.ts";

/** How D601's cluster is reached and known; plain data, so that it travels to a step as JSON. */
export interface Cluster {
  /** Command on the host that asks the cluster; it runs as root. */
  readonly kubectl: string;
  /** Port of the API server on the host's loopback. */
  readonly apiPort: number;
  /** PEM text of the authority that signed the API server's certificate. */
  readonly caCertificate: string;
}

const what = "hosts.d601.kubernetes.caCertificate";
const remedy =
  "npm run lab -- up writes the lab's; of a real host copy /var/lib/rancher/k3s/server/tls/server-ca.crt over a channel that you trust";

/** D601's cluster, or undefined where the hosts name none. */
export function clusterOf(hosts: Hosts, root: string): Cluster | undefined {
  const { kubernetes } = hosts.d601;
  if (!kubernetes) return undefined;
  const text = kubernetes.caCertificate;
  const pem = text.startsWith("@") ? readCertificate(text.slice(1), root) : text;
  return { kubectl: kubernetes.kubectl, apiPort: kubernetes.apiPort, caCertificate: checked(pem) };
}

function readCertificate(path: string, root: string): string {
  try {
    return readFileSync(runnerPath(path, root), "utf8");
  } catch (error) {
    throw new UserError({ what: `${what}: the file cannot be read`, found: messageOf(error), remedy }, exitCodes.usage);
  }
}

function checked(pem: string): string {
  const allowed = "one PEM certificate of an authority (BEGIN CERTIFICATE), without a private key";
  const refuse = (found: string) =>
    new UserError({ what: `${what} is unusable`, found, allowed, remedy }, exitCodes.usage);
  if (pem.includes("PRIVATE KEY")) throw refuse("a private key");
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch (error) {
    throw refuse(messageOf(error));
  }
  if (!certificate.ca) throw refuse(`a certificate of ${certificate.subject}, which is no authority`);
  return pem;
}
