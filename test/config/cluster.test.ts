import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { clusterOf } from "../../lib/config/cluster.ts";
import { Hosts } from "../../lib/config/hosts.ts";
import { checkValue } from "../../lib/config/json-file.ts";
import { certificate } from "../certificate.ts";
import { failureOf, hostsJson, tempFolder, write } from "../support.ts";

/** The cluster of hosts whose d601 has this `kubernetes`. */
function cluster(kubernetes: object | undefined, root = "/checkout") {
  const hosts = hostsJson();
  return clusterOf(
    checkValue({ ...hosts, d601: { ...hosts.d601, ...(kubernetes && { kubernetes }) } }, "hosts", Hosts),
    root,
  );
}
const refusal = (caCertificate: string, root?: string) => failureOf(() => cluster({ caCertificate }, root));

test("hosts without a cluster have none", () => {
  expect(cluster(undefined)).toBeUndefined();
});

test("a certificate stands in the file itself, and k3s's defaults fill the rest", () => {
  const pem = certificate(true);
  expect(cluster({ caCertificate: pem })).toEqual({ kubectl: "k3s kubectl", apiPort: 6443, caCertificate: pem });
});

test("a certificate is read from a file on the runner", () => {
  const root = tempFolder();
  const pem = certificate(true);
  write(root, "ca.crt", pem);
  expect(cluster({ caCertificate: "@./ca.crt", kubectl: "kubectl", apiPort: 7443 }, root)).toEqual({
    kubectl: "kubectl",
    apiPort: 7443,
    caCertificate: pem,
  });
});

describe("fails if the certificate", () => {
  test("is neither PEM nor a file", () => {
    expect(refusal("ca.crt").message).toBe(
      'hosts: d601.kubernetes.caCertificate: found "ca.crt"; must be a PEM certificate, or "@" and a file of it on the runner',
    );
  });

  test("is a file that is not there", () => {
    const root = tempFolder();
    const { message, exitCode } = refusal("@./ca.crt", root);
    expect(message).toContain("hosts.d601.kubernetes.caCertificate: the file cannot be read");
    expect(message).toContain(`ENOENT: no such file or directory, open '${join(root, "ca.crt")}'`);
    expect(message).toContain("npm run lab -- up writes the lab's");
    expect(exitCode).toBe(2);
  });

  test("is not an authority's", () => {
    expect(refusal(certificate(false)).message).toContain("found:   a certificate of CN=test, which is no authority");
  });

  test("is broken", () => {
    expect(refusal("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").message).toContain(
      "hosts.d601.kubernetes.caCertificate is unusable",
    );
  });

  test("comes with a private key", () => {
    const text = `${certificate(true)}-----BEGIN EC PRIVATE KEY-----\nsecret\n-----END EC PRIVATE KEY-----\n`;
    const { message } = refusal(text);
    expect(message).toContain("found:   a private key");
    expect(message).not.toContain("secret");
  });
});
