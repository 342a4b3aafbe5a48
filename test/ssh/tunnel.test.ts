import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { forwardFrom, forwardTo } from "../../lib/ssh/tunnel.ts";
import { localHost, tempFolder } from "../support.ts";

const local = localHost("/home/ubuntu");

let server: Server;
afterEach(() => new Promise((resolve) => server.close(resolve)));

test("for the runner itself a socket becomes a loopback port that is gone when the tunnel closes", async () => {
  const socketPath = join(tempFolder(), "s");
  server = createServer((client) => client.end("hello"));
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const tunnel = await forwardTo(local, { socketPath });
  expect(await readFrom(tunnel.endpoint.port)).toBe("hello");
  await tunnel.close();
  await expect(readFrom(tunnel.endpoint.port)).rejects.toThrow("ECONNREFUSED");
});

test("for the runner itself a port is reached as it is", async () => {
  server = createServer();
  expect((await forwardFrom(local, 5000)).endpoint).toEqual({ port: 5000 });
  expect((await forwardTo(local, { port: 5000 })).endpoint).toEqual({ port: 5000 });
});

async function readFrom(port: number): Promise<string> {
  const { connect } = await import("node:net");
  return new Promise((resolve, reject) => {
    let text = "";
    connect(port, "127.0.0.1")
      .on("data", (chunk) => {
        text += chunk;
      })
      .on("end", () => resolve(text))
      .on("error", reject);
  });
}
