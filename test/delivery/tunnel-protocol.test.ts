import { expect, test } from "vitest";
import { errorOf, failedLine, HolderLine, holderSocket, openLine } from "../../lib/delivery/tunnel-protocol.ts";
import { InfraBlockedError, UserError } from "../../lib/errors.ts";
import { hostKeys, localHost, sshHost } from "../support.ts";

const overTheWire = (line: HolderLine) => HolderLine.parse(JSON.parse(JSON.stringify(line)));
const registry = sshHost();
const target = sshHost({ name: "main-server", address: "192.0.2.2" });

test("an open tunnel is a port and the registry at the runner", () => {
  const line = { kind: "open", port: 41_234, endpoint: { socketPath: "/tmp/t" } };
  expect(overTheWire(openLine(41_234, { socketPath: "/tmp/t" }))).toEqual(line);
  expect(overTheWire(openLine(1, { port: 5000 }))).toMatchObject({ endpoint: { port: 5000 } });
});

test.each([
  ["a missing channel", new InfraBlockedError({ what: "d601: gone", found: "x", remedy: "y" }, ["d601:ssh"])],
  ["a refusal", new UserError({ what: "no port", allowed: "forwarding" })],
])("%s reaches every user as it is", (_, error) => {
  const line = overTheWire(failedLine(error));
  if (line.kind !== "failed") throw new Error("not a failure");
  const restored = errorOf(line);
  expect(restored.message).toBe(error.message);
  expect(restored.exitCode).toBe(error.exitCode);
  expect(restored).toBeInstanceOf(error.constructor);
});

test("anything else reaches them by its message", () => {
  const line = overTheWire(failedLine(new Error("out of memory")));
  expect(line).toEqual({ kind: "failed", problem: { what: "out of memory" } });
});

test("a route has one socket, and everything that tells routes apart another", () => {
  const route = { registry, port: 5000, target };
  expect(holderSocket({ ...route })).toBe(holderSocket(route));
  expect(holderSocket(route).length).toBeLessThan(90);
  const others = [
    { ...route, port: 5001 },
    { ...route, registry: localHost("/home/x") },
    { ...route, registry: sshHost({ hostKeys: [hostKeys.ecdsa] }) },
    { ...route, target: sshHost({ name: "main-server", user: "root" }) },
    { ...route, target: registry, registry: target },
  ].map(holderSocket);
  expect(new Set([...others, holderSocket(route)]).size).toBe(6);
});
