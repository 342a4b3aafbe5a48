import { expect, test } from "vitest";
import { contentHash } from "../../lab/files.js";
import { writeHostKeys } from "../../lab/keys.js";
import { once } from "../../lab/once.js";
import { parseProbe } from "../../lab/probe.js";
import { isProvisioned, type Part } from "../../lab/provision.js";
import { basePort, labHost, parseHostName } from "../../lab/settings.js";
import { renderStatus } from "../../lab/status.js";

const seen = parseProbe(
  [
    "systemd=degraded",
    "failed=a.service,b.service",
    "docker=26.1.5",
    "sshd=active",
    "hostkey.ecdsa=ecdsa-sha2-nistp256 AAAA=",
    "stamp.images=abc",
    "path./home/ubuntu/x=present",
    "image.registry:2.8.3=0123",
  ].join("\n"),
);

test("a probe's lines become facts, with equals signs inside values", () => {
  expect(seen).toMatchObject({ systemd: "degraded", failedUnits: ["a.service", "b.service"], docker: "26.1.5" });
  expect(seen.hostKeys).toEqual(["ecdsa-sha2-nistp256 AAAA="]);
  expect(seen.images.has("registry:2.8.3")).toBe(true);
});

test("a silent host's probe has empty facts", () => {
  expect(parseProbe("systemd=\nfailed=\ndocker=\n")).toMatchObject({ systemd: "", failedUnits: [], docker: "" });
});

const part: Part = {
  ...{ name: "images", version: "abc", paths: ["/home/ubuntu/x"], images: ["registry:2.8.3"] },
  install: async () => {},
};

test("a part is provisioned when stamp, paths and images are there", () => {
  expect(isProvisioned(part, seen)).toBe(true);
});

test.each([
  ["its version is another", { version: "other" }],
  ["a path is missing", { paths: ["/home/ubuntu/y"] }],
  ["an image is missing", { images: ["registry:3"] }],
])("a part is not provisioned where %s", (_, change) => {
  expect(isProvisioned({ ...part, ...change }, seen)).toBe(false);
});

test("fails if a host is unknown", () => {
  expect(() => parseHostName("d602")).toThrow('Unknown lab host "d602". Allowed: d601, main-server.');
});

test("fails if the base port is no port", () => {
  expect(() => basePort("22600x")).toThrow('UNIDESK_LAB_PORT is "22600x". Allowed: a whole number from 1024 to 65533');
});

test("fails if a host key is missing", async () => {
  await expect(writeHostKeys(labHost("d601"), ["ssh-ed25519 AAAA"])).rejects.toThrow(
    "d601 should have an ecdsa, an ed25519 and an rsa host key, but has: ssh-ed25519.",
  );
});

test("a content hash depends on names, contents and their limits", () => {
  const hash = (files: Record<string, string>) =>
    contentHash(new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)])));
  const all = [
    hash({ a: "bc" }),
    hash({ ab: "c" }),
    hash({ a: "b", c: "" }),
    contentHash("abc"),
    contentHash("ab", "c"),
  ];
  expect(new Set(all).size).toBe(all.length);
});

test("concurrent calls share a run, and a failed run is forgotten", async () => {
  let runs = 0;
  const work = once(async () => {
    runs += 1;
    if (runs === 1) throw new Error("first");
    return runs;
  });
  await expect(Promise.all([work(), work()])).rejects.toThrow("first");
  expect(await Promise.all([work(), work()])).toEqual([2, 2]);
});

test("the status table names what is wrong", () => {
  const host = { port: 22601, container: "running", systemd: "degraded", failedUnits: ["x.service"], docker: "26.1.5" };
  const silent = { host: "main-server", up: false, container: "exited", cluster: "", stale: [] } as const;
  const text = renderStatus({
    lab: "lab",
    up: false,
    hosts: [
      { ...host, host: "d601", up: true, cluster: "Ready", definition: "stale", stale: ["images"] },
      { ...host, ...silent, definition: "unknown" },
    ],
  });
  expect(text).toContain("d601         up             22601  degraded (x.service)  26.1.5  Ready    stale (images)");
  expect(text).toContain("down (exited)");
});
