import { describe, expect, test } from "vitest";
import type { HostName } from "../../lib/config/hosts.ts";
import { loadSite } from "../../lib/config/site.ts";
import { observerScripts } from "../../lib/observer/scripts.ts";
import { bash, commitA, commitB, hostKeys, hostsJson, siteOf, syntaxErrors, write, writeCheckout } from "../support.ts";

const everything = () => {
  const hosts = hostsJson();
  const compose = { project: "unidesk", root: "/srv/unidesk", file: "compose.yml", envFile: "/srv/unidesk/.env" };
  const kubernetes = { kubectl: "k3s kubectl", caCertificate: "-----BEGIN CERTIFICATE-----" };
  const git = { "https://example.org/unidesk": "/nowhere/unidesk.git" };
  return { ...hosts, d601: { ...hosts.d601, compose, kubernetes, git } };
};
const site = siteOf({ hosts: everything() });
const names: readonly HostName[] = ["d601", "main-server"];

test("bash can read every script of every host", () => {
  for (const name of names) {
    for (const [title, script] of observerScripts(site, name)) expect(syntaxErrors("bash", script), title).toBe("");
  }
});

test("they follow from the hosts alone: not from the pins, nor from how the runner reaches them", () => {
  const root = writeCheckout({ hosts: everything() }, { commit: commitB });
  write(root, "hosts.json", {
    target: "lab",
    hosts: {
      ...everything(),
      d601: {
        ...everything().d601,
        address: "198.51.100.7",
        port: 2222,
        identityFile: "~/other",
        hostKeys: [hostKeys.ed25519],
      },
    },
  });
  for (const name of names) {
    expect(observerScripts(loadSite(root, { UNIDESK_HOSTS: "hosts.json", UNIDESK_ACCESS: "observe" }), name)).toEqual(
      observerScripts(site, name),
    );
  }
});

test("hosts without a cluster, a Compose project or repositories have what is left", () => {
  const bare = siteOf();
  expect([...observerScripts(bare, "d601").keys()]).not.toContain("content that containerd has");
  for (const script of observerScripts(bare, "d601").values()) expect(syntaxErrors("bash", script)).toBe("");
});

describe("whoever chooses the arguments gets no further", () => {
  const mark = "0123456789abcdef01234567";
  const cases: [title: string, args: string[], input: string][] = [
    ["history of deployments", ["../../etc/passwd"], ""],
    ["history of deployments", ["--help"], ""],
    ["history of deployments", [""], ""],
    ["commits of the source repositories", ["%x00"], ""],
    ["commits of the source repositories", [mark], "0 --output=/tmp/x -\n"],
    ["commits of the source repositories", [mark], `0 ${commitA} --no-index\n`],
    ["commits of the source repositories", [mark], `../x ${commitA} -\n`],
    ["newest published commits of the release lines", [], `0 0 ${commitA} --all\n`],
    ["newest published commits of the release lines", [], `0 08 ${commitA}\n`],
    ["newest published commits of the release lines", [], `0 x[$(touch /tmp/x)] ${commitA}\n`],
    ["manifests and configurations of the registry", ["/v2/../../etc", "-o/tmp/x"], ""],
    ["manifests and configurations of the registry", ["file:///etc/passwd", "-"], ""],
    ["containers, pods, env file keys and receipts", ["compose/no-such-service="], ""],
    ["containers, pods, env file keys and receipts", ["k3s/kube-system/coredns="], ""],
    ["containers, pods, env file keys and receipts", ["auth/kube-system/admin="], ""],
    ["containers, pods, env file keys and receipts", [`compose/frontend=${commitA} --format={{json .}}`], ""],
  ];
  test.each(cases)("%s: %j %j", (title, args, input) => {
    const script = observerScripts(site, "d601").get(title) ?? "";
    // The tools of a look need not be on this machine.
    const { exitCode, stdout, stderr } = bash(`ss() { :; }; docker() { :; }; ${script}`, args, input);
    expect(stdout.toString()).toBe("");
    expect(stderr).toMatch(/^(this is no|this look knows no) /);
    expect(exitCode).toBe(2);
  });
});
