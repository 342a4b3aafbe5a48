import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { artifactPreflight } from "../../lib/steps/artifact-preflight.ts";
import { commitA, commitB, digestB, localHost, rejectionOf, tempFolder } from "../support.ts";

const digestOf = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;

let routes: Record<string, string>;
let server: Server;
let port: number;
let said: string[];
const context = {
  connection: () => localHost(tempFolder()),
  runId: "test/1",
  operator: "test",
  say: (line: string) => {
    said.push(line);
  },
};

beforeAll(async () => {
  server = createServer((request, response) => {
    const body = routes[request.url ?? ""];
    if (body === undefined) response.writeHead(404).end();
    else response.setHeader("Docker-Content-Digest", digestOf(body)).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as { port: number }).port;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
beforeEach(() => {
  routes = { "/v2/": "{}" };
  said = [];
});

/** Puts an artifact into the registry that says to be of that service and commit. */
function publish(service: string, commit: string, says = commit): string {
  const Labels = { "org.opencontainers.image.revision": says, "dev.unidesk.service": service };
  const config = JSON.stringify({ config: { Labels } });
  const manifest = JSON.stringify({ config: { digest: digestOf(config), size: config.length }, layers: [] });
  routes[`/v2/unidesk/${service}/manifests/${commit}`] = manifest;
  routes[`/v2/unidesk/${service}/blobs/${digestOf(config)}`] = config;
  return digestOf(manifest);
}
const pin = (service: string, commit: string, digest?: string) => ({
  service,
  repository: `unidesk/${service}`,
  commit,
  stableImage: `unidesk-test-no-such-${service}`,
  ...(digest ? { digest } : {}),
});
const check = (pins: ReturnType<typeof pin>[], at = port) =>
  artifactPreflight({ registry: { host: "d601", port: at }, target: "main-server", pins }, context);
const remedy = "npx unidesk artifact publish --service <service> --commit <commit>, or correct the pin";
const nothingChanged = "preflight: nothing was changed, because not every artifact is as pinned";

test("passes when every artifact is as pinned", async () => {
  const digest = publish("frontend", commitA);
  publish("backend-core", commitB);
  await check([pin("frontend", commitA, digest), pin("backend-core", commitB)]);
  expect(said).toEqual(["2 artifact(s) as pinned"]);
});

test("fails with every pin that is not, and names the good ones not", async () => {
  publish("frontend", commitA);
  publish("backend-core", commitA, commitB);
  const digest = publish("mdtodo", commitA);
  const { message } = await rejectionOf(
    check([
      pin("frontend", commitA),
      pin("backend-core", commitA),
      pin("mdtodo", commitA, digestB),
      pin("findjob", commitA),
    ]),
  );
  const at = (service: string) => `(looked at d601 127.0.0.1:${port}/unidesk/${service}:${commitA})`;
  expect(message.split("\n")).toEqual([
    nothingChanged,
    `backend-core: image label org.opencontainers.image.revision: expected ${commitA}, found ${commitB} ${at("backend-core")}`,
    `mdtodo: manifest digest: expected ${digestB}, found ${digest} ${at("mdtodo")}`,
    `findjob: artifact: expected a manifest under the commit tag, found none ${at("findjob")}`,
    `  remedy:  ${remedy}`,
  ]);
  expect(said).toEqual([]);
});

test("fails if the registry does not answer and the target has no image either, with both facts", async () => {
  const { message } = await rejectionOf(check([pin("frontend", commitA)], 1));
  expect(message.split("\n")).toEqual([
    "preflight: nothing was changed: the registry is needed, because not every image is on main-server",
    `frontend: image on the target: expected there, found none (looked at main-server image unidesk-test-no-such-frontend:${commitA})`,
    "  found:   d601 127.0.0.1:1: the registry does not answer: GET /v2/: connect ECONNREFUSED 127.0.0.1:1",
    "  remedy:  restore the way to the registry on d601, then apply again",
  ]);
  expect(said.join("\n")).toContain("the registry does not answer");
  expect(said.join("\n")).toContain("looking for the images on main-server instead");
});

test("fails at once if the registry refuses: that is no missing channel", async () => {
  delete routes["/v2/"];
  expect((await rejectionOf(check([pin("frontend", commitA)]))).message).toContain("answered 404 to GET /v2/");
  expect(said).toEqual([]);
});
