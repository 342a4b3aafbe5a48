import { existsSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { beforeEach, expect, test, vi } from "vitest";
import { joinTunnel } from "../../lib/delivery/shared-tunnel.ts";
import { holderSocket, openLine } from "../../lib/delivery/tunnel-protocol.ts";
import { sshHost, tempFolder } from "../support.ts";

beforeEach(() => {
  vi.stubEnv("TMPDIR", tempFolder());
});

/** A holder of a route of its own that opens for the first user. `next` is what others get. */
async function holder(next: (user: Socket) => void) {
  const route = { registry: sshHost(), port: 5000, target: sshHost({ name: "main-server", address: "192.0.2.2" }) };
  const path = holderSocket(route);
  const users: Socket[] = [];
  const server: Server = createServer((user) => {
    users.push(user);
    if (users.length === 1) user.write(`${JSON.stringify(openLine(4000, { port: 5000 }))}\n`);
    else next(user);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const tunnel = await joinTunnel(route);
  const lost = new Promise((resolve) => tunnel.lost.addEventListener("abort", resolve, { once: true }));
  users[0]?.destroy();
  await lost;
  const isThere = () => existsSync(path);
  return { tunnel, isThere, end: () => server.close() };
}

test("fails if a killed holder's socket stays because it still took a connection", async () => {
  const { tunnel, isThere, end } = await holder((user) => user.destroy());
  await tunnel.close();
  expect(isThere()).toBe(false);
  end();
});

test("the socket of a holder that lives stays", async () => {
  const { tunnel, isThere, end } = await holder(() => {});
  await tunnel.close();
  expect(isThere()).toBe(true);
  end();
});
