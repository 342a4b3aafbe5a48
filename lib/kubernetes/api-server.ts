import { connect } from "node:tls";
import { InfraBlockedError, UserError } from "../errors.ts";
import type { CredentialSpec } from "./credential-args.ts";

const handshakeMs = 10_000;

/** What OpenSSL says where the certificate is not one that the pinned authority signed for this address. */
const wrongCertificate = /CERT|SIGNATURE|ISSUER|SELF_SIGNED|ALTNAME/;

/** Checks that the server behind the port is the one of the pinned authority, as the provider will. */
export async function verifyApiServer(spec: CredentialSpec): Promise<void> {
  const { connection, apiPort } = spec;
  const error = await handshake(spec);
  if (!error) return;
  const { code = "" } = error;
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
