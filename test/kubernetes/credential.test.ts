import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createServer, type Server } from "node:tls";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { InfraBlockedError, UserError } from "../../lib/errors.ts";
import { certificateOf } from "../../lib/kubernetes/admin-certificate.ts";
import { verifyApiServer } from "../../lib/kubernetes/api-server.ts";
import { apiTunnelSocket } from "../../lib/kubernetes/api-tunnel-protocol.ts";
import { refusal, rendered } from "../../lib/kubernetes/credential.ts";
import { credentialArgs } from "../../lib/kubernetes/credential-args.ts";
import { localPortOf } from "../../lib/kubernetes/local-port.ts";
import { failureOf, hostKeys, localHost, rejectionOf, sshHost, tempFolder, write } from "../support.ts";

interface Pair {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate that signed itself, for an address. */
function selfSigned(address: string): Pair {
  const folder = tempFolder();
  const files = ["-keyout", join(folder, "key"), "-out", join(folder, "certificate")];
  const command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test";
  const names = ["-addext", `subjectAltName=IP:${address}`];
  const { status, stderr } = spawnSync("openssl", [...command.split(" "), ...files, ...names], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  const read = (name: string) => readFileSync(join(folder, name), "utf8");
  return { certificate: read("certificate"), key: read("key") };
}

let here: Pair;
let elsewhere: Pair;
beforeAll(() => {
  here = selfSigned("127.0.0.1");
  elsewhere = selfSigned("192.0.2.1");
});

const base64 = (text: string) => Buffer.from(text).toString("base64");
const now = new Date();

function kubeconfig({ certificate, key }: Pair, context = "default"): string {
  return JSON.stringify({
    "current-context": context,
    contexts: [{ name: "default", context: { user: "admin", cluster: "default" } }],
    users: [
      { name: "admin", user: { "client-certificate-data": base64(certificate), "client-key-data": base64(key) } },
    ],
  });
}

describe("the client certificate", () => {
  test("is the one of the kubeconfig's current context", () => {
    expect(certificateOf("d601", kubeconfig(here), now)).toEqual(here);
  });

  test("fails if it has expired", () => {
    const later = new Date(now.getTime() + 3 * 86_400_000);
    expect(() => certificateOf("d601", kubeconfig(here), later)).toThrow(
      /^d601: the client certificate in .* has expired/,
    );
  });

  test.each([
    ["text that is no YAML", () => "a: [secret-word", "no kubeconfig"],
    ["another file", () => "- secret-word", "no kubeconfig"],
    ["an unknown context", () => kubeconfig(here, "secret-word"), "no such user, or no certificate or key in it"],
    [
      "no data",
      () => kubeconfig({ certificate: "", key: "secret-word" }),
      "no such user, or no certificate or key in it",
    ],
    ["a key that is none", () => kubeconfig({ ...here, key: "secret-word" }), "a key that is not PEM"],
    [
      "a certificate that is none",
      () => kubeconfig({ ...here, certificate: "secret-word" }),
      "a certificate that is not PEM",
    ],
  ])("fails if there is %s, and tells nothing of it", (_name, text, found) => {
    const { message } = failureOf(() => certificateOf("d601", text(), now));
    expect(message).toContain("/etc/rancher/k3s/k3s.yaml has no usable client certificate");
    expect(message).toContain(`found:   ${found}`);
    expect(message).not.toContain("secret-word");
  });
});

describe("what the provider reads", () => {
  test("a certificate for a short time, with whole seconds", () => {
    const reply = JSON.parse(rendered({ certificate: "C", key: "K" }, new Date("2026-01-02T03:04:05.678Z")));
    expect(reply).toEqual({
      apiVersion: "client.authentication.k8s.io/v1beta1",
      kind: "ExecCredential",
      status: { clientCertificateData: "C", clientKeyData: "K", expirationTimestamp: "2026-01-02T03:04:05Z" },
    });
  });

  test("the reason in place of one, on one line, with the remedy", () => {
    const problem = { what: "d601: away", found: "a\n b", remedy: "look" };
    expect(JSON.parse(refusal(new InfraBlockedError(problem, ["d601:ssh"]))).kind).toBe(
      "infra-blocked: d601: away; found: a b; remedy: look",
    );
    expect(JSON.parse(refusal(new UserError(problem))).kind).toBe("d601: away; found: a b; remedy: look");
  });

  test("nothing of an unexpected error, which could say anything", () => {
    expect(refusal(new Error("secret-word"))).not.toContain("secret-word");
  });

  test("arguments that say which bundle was planned", () => {
    const spec = { connection: sshHost(), apiPort: 6443, localPort: 24_000, caCertificate: "PEM" };
    const args = credentialArgs({ path: "/steps.mjs", sha256: "abc" }, spec);
    expect(args.slice(0, 3)).toEqual(["/steps.mjs", "kubernetes-credential", "abc"]);
    expect(JSON.parse(args[3] ?? "")).toEqual(spec);
    expect(args).toHaveLength(4);
  });
});

describe("the runner's port", () => {
  test("is the same every time, and another one for another login, key or API port", () => {
    const port = localPortOf(sshHost(), 6443);
    expect(port).toBeGreaterThanOrEqual(24_000);
    expect(port).toBeLessThan(30_000);
    expect(localPortOf(sshHost(), 6443)).toBe(port);
    const others = [
      localPortOf(sshHost({ user: "other" }), 6443),
      localPortOf(sshHost({ hostKeys: [hostKeys.ecdsa] }), 6443),
      localPortOf(sshHost(), 6444),
    ];
    expect(new Set([port, ...others]).size).toBe(4);
  });

  test("is the API's own where the runner is the host, whatever is chosen", () => {
    expect(localPortOf(localHost("/home/ubuntu"), 6443, "25000")).toBe(6443);
  });

  test("can be chosen", () => {
    expect(localPortOf(sshHost(), 6443, "25000")).toBe(25_000);
  });

  test.each(["0", "80", "65536", "x", "25000.5"])("fails if %s is chosen", (chosen) => {
    expect(() => localPortOf(sshHost(), 6443, chosen)).toThrow("UNIDESK_KUBERNETES_PORT is no port");
  });

  test("another pinned key is another tunnel: one that is open is joined without looking at keys", () => {
    const route = { connection: sshHost(), apiPort: 6443, localPort: 24_000 };
    const other = { ...route, connection: sshHost({ hostKeys: [hostKeys.ecdsa] }) };
    expect(apiTunnelSocket(route)).not.toBe(apiTunnelSocket(other));
  });
});

describe("the API server", () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  /** An API server of the runner itself with this certificate, and what it takes to reach it. */
  async function specOf({ certificate, key }: Pair, caCertificate: string) {
    const started = createServer({ cert: certificate, key });
    server = started;
    await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
    const address = started.address();
    const apiPort = address && typeof address === "object" ? address.port : 0;
    return { connection: localHost("/home/ubuntu"), apiPort, localPort: apiPort, caCertificate };
  }

  test("proves itself by a certificate of the pinned authority", async () => {
    await expect(verifyApiServer(await specOf(here, here.certificate))).resolves.toBeUndefined();
  });

  test("fails if another authority signed it", async () => {
    const error = await rejectionOf(verifyApiServer(await specOf(here, elsewhere.certificate)));
    expect(error.message).toContain("not of the pinned authority; no credential was handed out");
    expect(error).not.toBeInstanceOf(InfraBlockedError);
  });

  describe("out of its time", () => {
    const day = 86_400_000;
    const conf = [
      "[req]\ndistinguished_name=none\n[none]\n[ca]\ndefault_ca=d\n[p]\ncommonName=supplied",
      "[d]\ndatabase=index\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\nrand_serial=yes",
      "[ext_api]\nsubjectAltName=IP:127.0.0.1\n[ext_ca]\nbasicConstraints=critical,CA:true\n",
    ].join("\n");
    /** The authority, and a certificate that it signed for days from now on, both as days. */
    function issued(authority: readonly [number, number], leaf: readonly [number, number]) {
      const folder = tempFolder();
      const at = (days: number) => `${new Date(Date.now() + days * day).toISOString().replaceAll(/[-:T]|\.\d+/g, "")}`;
      const run = (...args: string[]) => {
        const { status, stderr } = spawnSync("openssl", args, { cwd: folder, encoding: "utf8" });
        if (status !== 0) throw new Error(stderr);
      };
      write(folder, "index", "");
      write(folder, "conf", conf);
      const sign = (subject: string, [from, to]: readonly [number, number], ...by: string[]) => {
        const key = `req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ${subject}.key`;
        run(...`${key} -subj /CN=${subject} -out request -config conf`.split(" "));
        const times = `-startdate ${at(from)} -enddate ${at(to)} -extensions ext_${subject}`;
        run(...`ca -batch -notext -config conf -in request -out ${subject} ${times}`.split(" "), ...by);
      };
      sign("ca", authority, "-selfsign", "-keyfile", "ca.key");
      sign("api", leaf, "-cert", "ca", "-keyfile", "ca.key");
      const read = (name: string) => readFileSync(join(folder, name), "utf8");
      return { ca: read("ca"), pair: { certificate: read("api"), key: read("api.key") } };
    }

    test.each([
      ["has expired", [-9, -1], "CERT_HAS_EXPIRED"],
      ["is not valid yet", [1, 9], "CERT_NOT_YET_VALID"],
    ] as const)("fails if its certificate %s, and leaves the pin alone", async (_, leaf, code) => {
      const { ca, pair } = issued([-10, 10], leaf);
      const { problem } = await rejectionOf(verifyApiServer(await specOf(pair, ca)));
      expect(problem.what).toBe("d601: the API server's certificate is not valid now; no credential was handed out");
      expect(problem.found).toContain(code);
      expect(problem.allowed).toContain("so caCertificate stays");
      expect(problem.remedy).toMatch(/^on d601: systemctl restart k3s renews its certificates; where its clock/);
    });

    test("fails if the pinned authority has expired, which no restart mends", async () => {
      const { ca, pair } = issued([-10, -1], [-9, 9]);
      const { problem } = await rejectionOf(verifyApiServer(await specOf(pair, ca)));
      expect(problem.what).toContain("the pinned authority of the cluster is not valid now");
      expect(problem.remedy).toContain("k3s certificate rotate-ca");
    });
  });

  test("fails if it is for another address", async () => {
    const error = await rejectionOf(verifyApiServer(await specOf(elsewhere, elsewhere.certificate)));
    expect(error.message).toContain("ERR_TLS_CERT_ALTNAME_INVALID");
  });

  test("fails if nobody listens, as a channel that is missing", async () => {
    const spec = await specOf(here, here.certificate);
    await new Promise((resolve) => server?.close(resolve));
    const error = await rejectionOf(verifyApiServer(spec));
    expect(error.message).toContain(`d601: no API server answers at its 127.0.0.1:${spec.apiPort}`);
    expect(error).toMatchObject({ missingChannels: ["d601:kubernetes"] });
  });
});
