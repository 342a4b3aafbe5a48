import { expect, test } from "vitest";
import { dockerEndpoint } from "../../lib/ssh/docker-endpoint.ts";
import { controlPath, sshOptions } from "../../lib/ssh/options.ts";
import { failureOf, localHost, sshHost } from "../support.ts";

test("a host's Docker is reached with exactly the options of every other ssh, and never opens a shared connection", () => {
  const host = sshHost({ port: 2222 });
  expect(dockerEndpoint(host)).toEqual({
    host: "ssh://ubuntu@192.0.2.1:2222",
    sshOptions: [...sshOptions(host), "-o", "ControlMaster=no", "-o", `ControlPath=${controlPath(host)}`],
  });
  expect(dockerEndpoint(host).sshOptions).toContain("StrictHostKeyChecking=yes");
});

test("an IPv6 address stands in brackets", () =>
  expect(dockerEndpoint(sshHost({ address: "2001:db8::1" })).host).toBe("ssh://ubuntu@[2001:db8::1]:22"));

test("the runner itself is its local socket", () =>
  expect(dockerEndpoint(localHost("/home/x"))).toEqual({ host: "unix:///var/run/docker.sock", sshOptions: [] }));

test("fails if no host key is pinned", () =>
  expect(failureOf(() => dockerEndpoint(sshHost({ hostKeys: [] }))).message).toContain("no host key is pinned"));
