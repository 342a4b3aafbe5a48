import { X509Certificate } from "node:crypto";
import { parse } from "yaml";
import * as z from "zod";
import type { Connection } from "../config/hosts.ts";
import { UserError } from "../errors.ts";
import { asRootFunction } from "../ssh/as-root.ts";
import { lastLines, runScript } from "../ssh/run.ts";
import { kubeconfigPath } from "./kubeconfig.ts";

/** A client's certificate and key, PEM. The key is never shown, logged or stored. */
export interface ClientCertificate {
  readonly certificate: string;
  readonly key: string;
}

const User = z.object({
  "client-certificate-data": z.base64().min(1),
  "client-key-data": z.base64().min(1),
});

const Kubeconfig = z.object({
  "current-context": z.string(),
  contexts: z.array(z.object({ name: z.string(), context: z.object({ user: z.string() }) })),
  users: z.array(z.object({ name: z.string(), user: z.unknown() })),
});

const exits = { sudo: 41, file: 42 } as const;

/** One argument: the file. */
export const adminCertificateScript = `${asRootFunction}
as_root true || exit ${exits.sudo}
as_root test -f "$1" || exit ${exits.file}
as_root cat -- "$1"`;

/** Reads the cluster's admin certificate where the host keeps it; only root may. */
export async function readAdminCertificate(host: Connection, now = new Date()): Promise<ClientCertificate> {
  const { exitCode, stdout, stderr } = await runScript(host, adminCertificateScript, [kubeconfigPath], {
    timeoutSeconds: 20,
  });
  if (exitCode === exits.sudo) {
    throw new UserError({
      what: `${host.name}: ${host.user} may not read the cluster's kubeconfig`,
      found: lastLines(stderr, 1) || "sudo refused without a message",
      allowed: "root, or sudo without a password (sudo -n)",
      remedy: `allow ${host.user} to run sudo without a password on ${host.name}`,
    });
  }
  if (exitCode === exits.file) {
    throw new UserError({
      what: `${host.name}: ${kubeconfigPath} is missing`,
      found: "no such file",
      remedy: `look whether k3s is installed and has started: systemctl status k3s`,
    });
  }
  if (exitCode !== 0) {
    throw new UserError({
      what: `${host.name}: ${kubeconfigPath} cannot be read (exit ${exitCode})`,
      found: lastLines(stderr, 2) || "no output on standard error",
    });
  }
  return certificateOf(host.name, stdout, now);
}

/** Takes it out of a kubeconfig's text. No error tells anything of that text: it holds the key. */
export function certificateOf(host: string, kubeconfig: string, now: Date): ClientCertificate {
  const unusable = (found: string) =>
    new UserError({
      what: `${host}: ${kubeconfigPath} has no usable client certificate`,
      found,
      allowed: "a current context whose user has client-certificate-data and client-key-data",
      remedy: `compare it with what k3s writes; systemctl restart k3s writes it again`,
    });
  const parsed = Kubeconfig.safeParse(yamlOf(kubeconfig)).data;
  if (!parsed) throw unusable("no kubeconfig");
  const context = parsed.contexts.find(({ name }) => name === parsed["current-context"]);
  const user = User.safeParse(parsed.users.find(({ name }) => name === context?.context.user)?.user).data;
  if (!user) throw unusable("no such user, or no certificate or key in it");
  const certificate = Buffer.from(user["client-certificate-data"], "base64").toString();
  const key = Buffer.from(user["client-key-data"], "base64").toString();
  if (!/^-----BEGIN [A-Z ]*PRIVATE KEY-----/m.test(key)) throw unusable("a key that is not PEM");
  const expires = expiryOf(certificate);
  if (!expires) throw unusable("a certificate that is not PEM");
  if (expires <= now) {
    throw new UserError({
      what: `${host}: the client certificate in ${kubeconfigPath} has expired`,
      found: expires.toISOString(),
      remedy: "systemctl restart k3s renews it",
    });
  }
  return { certificate, key };
}

function yamlOf(text: string): unknown {
  try {
    return parse(text, { logLevel: "silent" });
  } catch {
    return undefined;
  }
}

function expiryOf(pem: string): Date | undefined {
  try {
    return new Date(new X509Certificate(pem).validTo);
  } catch {
    return undefined;
  }
}
