import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InfraBlockedError } from "../../lib/errors.ts";
import { RegistryClient } from "../../lib/registry/client.ts";
import { forwardRegistryReads, registryGetScript } from "../../lib/registry/observing.ts";
import { bash, localHost, rejectionOf, tempFolder } from "../support.ts";

const host = localHost(tempFolder());
const seen: string[] = [];
let server: Server;
let port: number;

beforeAll(async () => {
  server = createServer((request, response) => {
    seen.push(
      `${request.method} ${request.url} ${request.headers.accept?.includes("oci.image.manifest")} ${request.headers.range ?? ""}`,
    );
    if (request.url === "/v2/_catalog?n=1000") {
      // In pieces of unknown number, as a registry may.
      response.write('{"repositories":');
      return response.end('["unidesk/frontend"]}');
    }
    response.writeHead(request.url === "/v2/" ? 200 : 404, { "Content-Type": "application/json" });
    return response.end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => server.close());

async function withReads<T>(on: number, use: (client: RegistryClient) => Promise<T>): Promise<T> {
  const { endpoint, close } = await forwardRegistryReads(host, on);
  try {
    return await use(new RegistryClient(endpoint, "d601"));
  } finally {
    await close();
  }
}

test("the client reads as through a tunnel, many at once", async () => {
  await withReads(port, async (client) => {
    await Promise.all(Array.from({ length: 12 }, () => client.ping()));
    expect(await client.repositories()).toEqual(["unidesk/frontend"]);
    expect(await client.artifact("unidesk/frontend", "0".repeat(40))).toBeUndefined();
  });
  expect(seen.filter((line) => line.startsWith("GET /v2/ true"))).toHaveLength(12);
});

test("fails as the client does where the registry does not answer", async () => {
  const error = await withReads(1, (client) => rejectionOf(client.ping()));
  expect(error).toBeInstanceOf(InfraBlockedError);
});

describe("the host's script refuses, and asks nobody", () => {
  test.each([
    ["another server", "@elsewhere/v2/", "-"],
    ["a path outside the API", "/debug/vars", "-"],
    ["an option", "--upload-file", "-"],
    ["curl's patterns", "/v2/{a,b}", "-"],
    ["a header in the range", "/v2/", "bytes=0-1\r\nX: y"],
    ["two ranges", "/v2/", "bytes=0-1,5-6"],
  ])("%s", (_, path, range) => {
    const before = seen.length;
    const { exitCode, stdout } = bash(registryGetScript(port), [path, range]);
    expect(exitCode).toBe(2);
    expect(stdout.toString()).toBe("");
    expect(seen).toHaveLength(before);
  });
});
