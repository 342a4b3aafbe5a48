import { X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import { InfraBlockedError, UserError } from "../errors.ts";
import type { CredentialSpec } from "./credential-args.ts";

const handshakeMs = 30_000;

/** What OpenSSL says where a certificate is right but for the time. */
const wrongTime = new Set(["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"]);

/** What OpenSSL says where the certificate is not one that the pinned authority signed for this address. */
const wrongCertificate = /CERT|SIGNATURE|ISSUER|SELF_SIGNED|ALTNAME/;

/** Checks that the server behind the port is the one of the pinned authority, as the provider will. */
export async function verifyApiServer(spec: CredentialSpec): Promise<void> {
  const { connection, apiPort } = spec;
  const error = await handshake(spec);
  if (!error) return;
  const { code = "" } = error;
  if (wrongTime.has(code)) throw outOfTime(spec, `${error.message} (${code})`, new Date());
  if (wrongCertificate.test(code)) {
    throw new UserError({
      what: `${connection.name}: the API server's certificate is not of the pinned authority; no credential was handed out`,
      found: `${error.message} (${code})`,
      allowed: `a certificate that context.hosts.${connection.name}.kubernetes.caCertificate signed for 127.0.0.1`,
      remedy: `compare it with /var/lib/rancher/k3s/server/tls/server-ca.crt on the host's console; correct caCertificate only if k3s was really installed anew`,
    });
  }
  throw new InfraBlockedError(
    {
      what: `${connection.name}: no API server answers at its 127.0.0.1:${apiPort}`,
      found: code === "" ? error.message : `${error.message} (${code})`,
      remedy: "on the host: systemctl status k3s; where apiPort differs from its https-listen-port, correct cdktf.json",
    },
    [`${connection.name}:kubernetes`],
  );
}

/** Another authority would mend nothing, unless the pinned one itself is too old or too new. */
function outOfTime({ connection, caCertificate }: CredentialSpec, said: string, now: Date): UserError {
  const { validFrom, validTo } = new X509Certificate(caCertificate);
  const here = `the runner's clock says ${now.toISOString()}`;
  if (now < new Date(validFrom) || now > new Date(validTo)) {
    return new UserError({
      what: `${connection.name}: the pinned authority of the cluster is not valid now; no credential was handed out`,
      found: `valid from ${validFrom} to ${validTo}; ${here}`,
      allowed: "an authority that is valid now",
      remedy: `compare the clocks; else make a new authority on ${connection.name} (k3s certificate rotate-ca) and pin it as context.hosts.${connection.name}.kubernetes.caCertificate`,
    });
  }
  return new UserError({
    what: `${connection.name}: the API server's certificate is not valid now; no credential was handed out`,
    found: `${said}; ${here}`,
    allowed: "a certificate of the pinned authority that is valid now; the authority itself is, so caCertificate stays",
    remedy: `on ${connection.name}: systemctl restart k3s renews its certificates; where its clock and the runner's differ, set the wrong one`,
  });
}

/** The error of a TLS handshake; undefined where the server proved itself. */
function handshake({ connection, apiPort, localPort, caCertificate }: CredentialSpec) {
  const port = connection.kind === "local" ? apiPort : localPort;
  return new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, ca: caCertificate, timeout: handshakeMs });
    const end = (error?: Error) => {
      socket.destroy();
      resolve(error);
    };
    socket.once("secureConnect", () => end());
    socket.once("error", end);
    socket.once("timeout", () => end(new Error(`no TLS handshake within ${handshakeMs / 1000} s`)));
    socket.once("close", () => end(new Error("the connection was closed before the TLS handshake")));
  });
}
