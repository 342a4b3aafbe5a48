import { describe, expect, test } from "vitest";
import { checkValue } from "../../lib/config/json-file.ts";
import { RegistrySettings } from "../../lib/registry/settings.ts";
import { failureOf } from "../support.ts";

const check = (value: object) => checkValue(value, "registry", RegistrySettings);
const refusal = (value: object) => failureOf(() => check(value)).message;

test("the defaults are the operators' documented names", () => {
  expect(check({})).toEqual({
    image: "registry:2.8.3",
    address: "127.0.0.1",
    port: 5000,
    name: "unidesk-artifact-registry",
  });
});

test.each([
  "0.0.0.0",
  "::",
  "::1",
  "192.168.1.1",
  "127.0.0.2",
  "127.0.0.1.evil.example",
  "localhost",
  "",
  "127.0.0.1\n",
])("fails if the address is %j", (address) => {
  expect(refusal({ address })).toBe(
    `registry: address: found ${JSON.stringify(address)}; must be 127.0.0.1: the registry is bound to D601's loopback and never opened to a network`,
  );
});

describe("image", () => {
  test.each([
    "registry:2.8.3",
    "docker.io/library/registry:2.8.3",
    "127.0.0.1:5001/mirror/registry:2",
    `registry@sha256:${"a".repeat(64)}`,
  ])("%s names a version", (image) => expect(check({ image }).image).toBe(image));

  test.each([
    "registry",
    "localhost:5000/registry",
    "registry:",
    "registry@sha256:abc",
    "Registry:2",
    "registry:2 --privileged",
    "registry:2\nx",
  ])("fails if it is %j", (image) => {
    expect(refusal({ image })).toBe(
      `registry: image: found ${JSON.stringify(image)}; must name a version: "registry:2.8.3" or "registry@sha256:…"`,
    );
  });

  test("fails if its tag is latest: that is no version", () => {
    expect(refusal({ image: "registry:latest" })).toContain("must name a version");
  });
});

test.each([0, 65_536, 5000.5, "5000"])("fails if the port is %j", (port) => {
  expect(refusal({ port })).toContain(`registry: port: found ${JSON.stringify(port)}; `);
});

test.each(["a b", "-a", "A", "a;reboot", "../a"])("fails if the name is %j", (name) => {
  expect(refusal({ name })).toBe(
    `registry: name: found ${JSON.stringify(name)}; must be lowercase words joined by dashes`,
  );
});

test("fails if there is an unknown key", () => {
  expect(refusal({ hostPort: 80 })).toContain('registry: unknown "hostPort"');
});
