import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Digest } from "../../lib/config/values.ts";
import { InfraBlockedError } from "../../lib/errors.ts";
import { RegistryClient } from "../../lib/registry/client.ts";
import { commitA, digestA, digestB, rejectionOf, tempFolder } from "../support.ts";

const labels = { "org.opencontainers.image.revision": commitA, "dev.unidesk.service": "frontend" };
const path = `/v2/unidesk/frontend/manifests/${commitA}`;
const digestOf = (body: string) => `sha256:${createHash("sha256").update(body).digest("hex")}`;

const config = JSON.stringify({
  architecture: "amd64",
  config: { Labels: labels, Env: [] },
  rootfs: { type: "layers", diff_ids: [digestB] },
});
const layerType = "application/vnd.oci.image.layer.v1.tar+gzip";
const manifest = JSON.stringify({
  schemaVersion: 2,
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: digestOf(config), size: config.length },
  layers: [{ mediaType: layerType, digest: digestA, size: 123, annotations: {} }],
});
const descriptor = (digest: string, platform: object | undefined) => ({
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  digest,
  size: 1,
  ...(platform ? { platform } : {}),
});
const attestation = descriptor(digestB, { os: "unknown", architecture: "unknown" });
const blobs = `/v2/unidesk/frontend/blobs/${digestOf(config)}`;

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
let routes: Record<string, string | Handler>;
let server: Server;
let client: RegistryClient;

beforeEach(async () => {
  routes = { "/v2/": "{}", [path]: manifest, [blobs]: config };
  server = createServer((request, response) => {
    const route = routes[request.url ?? ""];
    if (route === undefined) response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
    else if (typeof route === "string") response.setHeader("Docker-Content-Digest", digestOf(route)).end(route);
    else route(request, response);
  });
  const socketPath = join(tempFolder(), "s");
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  client = new RegistryClient({ socketPath }, "d601 127.0.0.1:5000");
});
afterEach(() => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});

const find = () => client.artifact("unidesk/frontend", commitA);
const failure = () => rejectionOf(find());
const answer =
  (status: number, body: string, headers: Record<string, string> = {}): Handler =>
  (_, response) =>
    response.writeHead(status, headers).end(body);

test("an artifact is its digests, layers and labels", async () => {
  expect(await find()).toEqual({
    digest: digestOf(manifest),
    manifestDigest: digestOf(manifest),
    configDigest: digestOf(config),
    layers: [{ digest: digestA, size: 123, mediaType: layerType }],
    diffIds: [digestB],
    metadata: [
      { digest: digestOf(manifest), size: manifest.length },
      { digest: digestOf(config), size: config.length },
    ],
    labels,
  });
});

test("an image without labels has none, and one that does not name its unpacked layers has none of those", async () => {
  const bare = JSON.stringify({ config: {} });
  const of = manifest.replace(digestOf(config), digestOf(bare));
  routes = { [path]: of, [`/v2/unidesk/frontend/blobs/${digestOf(bare)}`]: bare };
  expect(await find()).toMatchObject({ labels: {}, diffIds: [] });
});

describe("the end of a blob", () => {
  const blob = { digest: Digest.parse(digestA), size: 10 };
  const at = `/v2/unidesk/frontend/blobs/${digestA}`;
  const tail = (size = 10) => client.blobTail("unidesk/frontend", { ...blob, size }, 4);

  test("is asked for as a range", async () => {
    let range: string | undefined;
    routes[at] = (request, response) => {
      range = request.headers.range;
      response.writeHead(206).end("6789");
    };
    expect((await tail())?.toString()).toBe("6789");
    expect(range).toBe("bytes=6-9");
  });

  test.each([
    ["the registry serves no ranges", answer(200, "0123456789")],
    ["the registry redirects", answer(307, "", { Location: "/elsewhere" })],
    ["there is no such blob", answer(404, "{}")],
    ["the answer has another length", answer(206, "789")],
  ])("is unknown if %s", async (_, handler) => {
    routes[at] = handler;
    expect(await tail()).toBeUndefined();
  });

  test("of a smaller blob is unknown, and not asked for", async () => expect(await tail(3)).toBeUndefined());
});

test("a tag that is not there is undefined", async () => {
  delete routes[path];
  expect(await find()).toBeUndefined();
});

test("the request accepts manifests and indexes, of OCI and of Docker", async () => {
  let accepted = "";
  routes[path] = (request, response) => {
    accepted = request.headers.accept ?? "";
    response.writeHead(404).end();
  };
  await find();
  expect(accepted.split(", ").sort()).toEqual([
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
  ]);
});

test("blobs that the registry lost, by asking for each without its bytes", async () => {
  const asked: (string | undefined)[] = [];
  const at = (digest: string) => `/v2/unidesk/frontend/blobs/${digest}`;
  routes[at(digestA)] = ({ method }, response) => {
    asked.push(method);
    response.writeHead(200, { "Content-Length": "123" }).end();
  };
  const missing = await client.missingBlobs("unidesk/frontend", [{ digest: digestA }, { digest: digestB }].map(asBlob));
  expect([missing.map(({ digest }) => digest), asked]).toEqual([[digestB], ["HEAD"]]);
  routes[at(digestA)] = answer(503, "");
  const error = await rejectionOf(client.missingBlobs("unidesk/frontend", [asBlob({ digest: digestA })]));
  expect(error).toBeInstanceOf(InfraBlockedError);
});

const asBlob = ({ digest }: { digest: string }) => ({ digest: Digest.parse(digest) });

describe("under an index", () => {
  const at = (digest: string) => `/v2/unidesk/frontend/manifests/${digest}`;
  const index = (...manifests: object[]) => JSON.stringify({ schemaVersion: 2, manifests });

  test("the image for linux/amd64 counts, whatever attestations lie beside it", async () => {
    const arm = descriptor(digestA, { os: "linux", architecture: "arm64" });
    const amd = descriptor(digestOf(manifest), { os: "linux", architecture: "amd64" });
    const body = index(attestation, arm, amd, descriptor(digestA, undefined));
    routes[path] = body;
    routes[at(digestOf(manifest))] = manifest;
    expect(await find()).toMatchObject({ digest: digestOf(body), manifestDigest: digestOf(manifest), labels });
  });

  test("fails if there is none for linux/amd64", async () => {
    const of = (architecture: string) => descriptor(digestA, { os: "linux", architecture });
    routes[path] = index(of("arm64"), of("riscv64"), attestation);
    expect((await failure()).message).toBe(
      [
        `unidesk/frontend:${commitA} has no image for linux/amd64`,
        "  found:   linux/arm64, linux/riscv64, unknown/unknown",
        "  remedy:  publish a new commit: this tag is never overwritten",
      ].join("\n"),
    );
  });

  test.each([
    ["another platform", { os: "linux", architecture: "arm64" }],
    ["none that it names", undefined],
  ])("fails if the only image is not taken since it is for %s", async (_, platform) => {
    const body = index(attestation, descriptor(digestOf(manifest), platform));
    routes[path] = body;
    routes[at(digestOf(manifest))] = manifest;
    expect(await find()).toMatchObject({ digest: digestOf(body), manifestDigest: digestOf(manifest), labels });
  });

  test("fails if it is empty", async () => {
    routes[path] = index();
    expect((await failure()).message).toContain("\n  found:   an empty index\n");
  });

  test("fails if the image's own manifest is gone", async () => {
    routes[path] = index(descriptor(digestA, { os: "linux", architecture: "amd64" }));
    expect((await failure()).message).toContain(`the registry answered 404 to GET ${at(digestA)}`);
  });
});

test.each([500, 401, 301])("fails if the registry answers %i", async (status) => {
  routes[path] = answer(status, '{"errors":[{"code":"UNKNOWN"}]}');
  const error = await failure();
  expect(error.message).toBe(
    [
      `d601 127.0.0.1:5000: the registry answered ${status} to GET ${path}`,
      '  found:   {"errors":[{"code":"UNKNOWN"}]}',
      "  allowed: 200, or 404 for an artifact that is not there",
      "  remedy:  npx unidesk registry health",
    ].join("\n"),
  );
  // A registry that is broken by its own word is as good as absent.
  expect(error instanceof InfraBlockedError).toBe(status >= 500);
});

test("ping fails if the API is not there", async () => {
  await client.ping();
  delete routes["/v2/"];
  expect((await rejectionOf(client.ping())).message).toContain("the registry answered 404 to GET /v2/");
});

describe("fails as infra-blocked", () => {
  const blocked = (error: unknown, found: string) => {
    expect(error).toBeInstanceOf(InfraBlockedError);
    expect(error).toMatchObject({ exitCode: 3, missingChannels: ["d601:registry"] });
    expect((error as Error).message).toMatch(
      new RegExp(
        `^d601 127\\.0\\.0\\.1:5000: the registry does not answer\n {2}found: {3}GET ${path}: ${found}\n {2}remedy: {2}npx unidesk registry health$`,
      ),
    );
  };

  test("if nothing listens", async () => {
    const gone = new RegistryClient({ socketPath: join(tempFolder(), "gone") }, "d601 127.0.0.1:5000");
    blocked(await rejectionOf(gone.artifact("unidesk/frontend", commitA)), "connect ENOENT .*");
  });

  test("if the connection is refused", async () => {
    const taken = createServer();
    const port = await new Promise<number>((resolve) => {
      taken.listen(0, "127.0.0.1", () => resolve((taken.address() as { port: number }).port));
    });
    await new Promise((resolve) => taken.close(resolve));
    const refused = new RegistryClient({ port }, "d601 127.0.0.1:5000");
    blocked(
      await rejectionOf(refused.artifact("unidesk/frontend", commitA)),
      `connect ECONNREFUSED 127\\.0\\.0\\.1:${port}`,
    );
  });

  test("if the answer is cut", async () => {
    routes[path] = (_, response) => {
      response.writeHead(200, { "Content-Length": "1000" });
      response.write("{", () => response.destroy());
    };
    blocked(await failure(), "aborted");
  });
});

describe("fails, in words", () => {
  test("if the answer is larger than any manifest", async () => {
    routes[path] = answer(200, "x".repeat(5 * 1024 * 1024), { "Docker-Content-Digest": digestA });
    expect((await failure()).message).toContain("more than 4194304 bytes");
  });

  test.each([
    ["a manifest is not JSON", path, '{"schemaVersion":'],
    ["a manifest is something else", path, '{"schemaVersion":1,"fsLayers":[]}'],
    ["a configuration is not JSON", blobs, "<html>"],
    ["a configuration is something else", blobs, '{"config":{"Labels":[1]}}'],
  ])("if %s", async (_, at, body) => {
    routes[at] = answer(200, body, { "Docker-Content-Digest": digestOf(body) });
    expect((await failure()).message).toContain("d601 127.0.0.1:5000: ");
  });

  test.each([
    ["is missing", {}],
    ["is no digest", { "Docker-Content-Digest": "latest" }],
  ])("if the digest header %s", async (_, headers) => {
    routes[path] = answer(200, manifest, headers);
    expect((await failure()).message).toContain("d601 127.0.0.1:5000: ");
  });

  test("if the digest header is not the manifest's", async () => {
    routes[path] = answer(200, manifest, { "Docker-Content-Digest": digestB });
    expect((await failure()).message).toContain(digestOf(manifest));
  });

  test("if the configuration is not what the manifest names", async () => {
    routes[blobs] = config.replace(commitA, "f".repeat(40));
    expect((await failure()).message).toContain(digestOf(config));
  });
});

describe("lists", () => {
  const tags = "/v2/unidesk/frontend/tags/list?n=1000";

  test("follow the Link header to the last page", async () => {
    routes[tags] = answer(200, '{"name":"x","tags":["a","b"]}', {
      Link: '</v2/unidesk/frontend/tags/list?last=b&n=1000>; rel="next"',
    });
    routes["/v2/unidesk/frontend/tags/list?last=b&n=1000"] = '{"name":"x","tags":["c"]}';
    expect(await client.tags("unidesk/frontend")).toEqual(["a", "b", "c"]);
  });

  test("are empty where there is nothing", async () => {
    routes["/v2/_catalog?n=1000"] = '{"repositories":null}';
    routes[tags] = '{"name":"x","tags":null}';
    expect(await client.repositories()).toEqual([]);
    expect(await client.tags("unidesk/frontend")).toEqual([]);
    expect(await client.tags("unidesk/nothing")).toEqual([]);
  });

  test("fail if the pages never end", async () => {
    routes[tags] = answer(200, '{"tags":["a"]}', { Link: `<${tags}>; rel="next"` });
    expect((await rejectionOf(client.tags("unidesk/frontend"))).message).toContain("more than 100 pages");
  });

  test("fail if the reply is no list", async () => {
    routes[tags] = '{"tags":"a"}';
    expect((await rejectionOf(client.tags("unidesk/frontend"))).message).toContain(tags);
  });
});
