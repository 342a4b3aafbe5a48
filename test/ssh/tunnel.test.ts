import { chmodSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { withRegistry } from "../../lib/registry/open.ts";
import { forwardFrom, forwardTo } from "../../lib/ssh/tunnel.ts";
import { localHost, rejectionOf, sshHost, tempFolder, write } from "../support.ts";

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

describe("where sshd forbids the tunnel", () => {
  /** An ssh that is a shell script. */
  const withSsh = (script: string) => {
    server = createServer();
    const ssh = write(tempFolder(), "ssh", `#!/bin/bash\n${script}\n`);
    chmodSync(ssh, 0o755);
    vi.stubEnv("PATH", `${dirname(ssh)}:${process.env.PATH}`);
  };
  const says = (found: string) =>
    `d601: sshd at 192.0.2.1:22 lets this user in and forbids the tunnel
  found:   ${found}
  allowed: AllowTcpForwarding yes, and neither PermitOpen, PermitListen nor a key's options against it
  remedy:  correct sshd_config of d601 (AllowTcpForwarding, AllowStreamLocalForwarding; also in a Match block), then systemctl reload ssh`;
  afterEach(() => void vi.unstubAllEnvs());

  test("fails if a port of the host is refused", async () => {
    const found = "Error: remote port forwarding failed for listen port 0";
    withSsh(`echo '${found}' >&2; exit 255`);
    const error = await rejectionOf(forwardTo(sshHost(), { port: 5000 }));
    expect(error).toMatchObject({ message: says(found), missingChannels: ["d601:ssh-forwarding"] });
  });

  test("fails if it comes out when the registry is asked: the registry is not called dead", async () => {
    const found = "channel 2: open failed: administratively prohibited: open failed";
    withSsh(`echo ready; sleep 0.3; echo '${found}' >&2; exec sleep 20`);
    const error = await rejectionOf(
      withRegistry(sshHost(), 5000, async (client) => {
        await new Promise((resolve) => setTimeout(resolve, 250));
        return client.ping();
      }),
    );
    expect(error.message).toBe(says(found));
  });

  test("a host that is down stays one", async () => {
    withSsh("echo 'Connection refused' >&2; exit 255");
    expect((await rejectionOf(forwardTo(sshHost(), { port: 5000 }))).message).toContain("cannot be reached by SSH");
  });
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
