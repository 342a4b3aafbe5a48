import { describe, expect, test } from "vitest";
import { composeProbes, readServices } from "../../lib/observe/compose.ts";
import { parseProbes, probeEnd, probePrelude } from "../../lib/observe/probe.ts";
import {
  bash,
  commitA,
  commitB,
  composeTarget,
  digestA,
  digestB,
  localHost,
  sshHost,
  tempFolder,
  write,
} from "../support.ts";

const stats = { verdict: "absent" as const, path: "/stats", keys: ["skipped"], remedy: "pin another" };
const target = composeTarget({ gates: [stats, { ...stats, path: "/health" }], secrets: ["API_KEY", "TOKEN"] });
const host = sshHost({ name: "main-server" });
const subjects = [{ service: "frontend", target, commit: commitA }];
const labels = { "org.opencontainers.image.revision": commitA };
const prefix = "UNIDESK_FRONTEND_DEPLOY_";

/** Output of every probe that went well; a number is an exit code. */
const good: Record<string, string | number> = {
  "health.frontend": '{"deploy":\n{}}\n200 http://172.18.0.2:8080/health',
  "compose.images": `${JSON.stringify({ tags: ["unidesk-frontend:latest", `unidesk-frontend:${commitA}`], id: digestA, labels })}\n`,
  "gate.frontend.0": '{"done":1}\n200 http://172.18.0.2:8080/stats',
  "compose.secrets": "API_KEY 64\nTOKEN 0\n",
  "compose.addresses": "",
  "compose.containers": `${JSON.stringify({ name: "/unidesk-frontend", id: "c0ffee", status: "running", imageId: digestA, labels: { "dev.unidesk.deploy.commit": commitA, "dev.unidesk.deploy.digest": null } })}\n`,
  "compose.labels": `${JSON.stringify({ id: digestA, labels })}\n`,
  "compose.env": `/unidesk-frontend ${prefix}COMMIT=${commitA}\n/unidesk-frontend-2 ${prefix}COMMIT=${commitB}\n`,
  "compose.records": `/home/ubuntu/.unidesk/deliveries/frontend/${commitA}.json {"digest":"${digestB}","imageId":"${digestA}"}\n`,
  "compose.resolved": "frontend same\n",
  "compose.keys": `${prefix}COMMIT=${commitA}\nUNIDESK_FRONTEND_2_DEPLOY_COMMIT=${commitB}\n${prefix}IMAGE=a=b\n`,
};

function read(changes: Record<string, string | number> = {}) {
  const lines = Object.entries({ ...good, ...changes }).map(([name, value]) => {
    const [code, text] = typeof value === "number" ? [value, "why\n"] : [0, value];
    return `${name} ${code} ${Buffer.from(text).toString("base64") || "-"}`;
  });
  return readServices(parseProbes([...lines, "end"].join("\n"), "main-server"), host, subjects).get("frontend");
}

test("is what the probes said", () => {
  expect(read()).toEqual({
    container: {
      id: "c0ffee",
      status: "running",
      imageId: digestA,
      imageLabels: labels,
      deployEnv: { [`${prefix}COMMIT`]: commitA },
      labels: { "dev.unidesk.deploy.commit": commitA, "dev.unidesk.deploy.digest": "" },
      health: { status: 200, body: '{"deploy":\n{}}', where: "main-server http://172.18.0.2:8080/health" },
      gates: [
        { status: 200, body: '{"done":1}', where: "main-server http://172.18.0.2:8080/stats" },
        { status: 200, body: '{"deploy":\n{}}', where: "main-server http://172.18.0.2:8080/health" },
      ],
    },
    stableImageId: digestA,
    images: { [commitA]: { id: digestA, labels, record: { digest: digestB, imageId: digestA } } },
    envKeys: { [`${prefix}COMMIT`]: commitA, [`${prefix}IMAGE`]: "a=b" },
    secrets: { API_KEY: 64, TOKEN: 0 },
    recreateWouldChange: false,
  });
});

test.each([
  ["no container", { "compose.containers": "", "compose.env": "" }, { container: undefined }],
  ["no image", { "compose.images": "" }, { stableImageId: undefined, images: {} }],
  [
    "an image without labels",
    { "compose.labels": `{"id":"${digestA}","labels":null}` },
    { container: { imageLabels: {} } },
  ],
  ["no delivery record", { "compose.records": "" }, { images: { [commitA]: { record: undefined } } }],
  [
    "a broken delivery record",
    { "compose.records": `/home/ubuntu/.unidesk/deliveries/frontend/${commitA}.json {` },
    { images: { [commitA]: { record: undefined } } },
  ],
  ["an unreadable env file", { "compose.keys": 1, "compose.secrets": 1 }, { envKeys: undefined, secrets: undefined }],
  [
    "no answer of a gate",
    { "gate.frontend.0": 28 },
    { container: { gates: [{ status: 0, error: "why", where: "main-server port 8080 /stats" }, { status: 200 }] } },
  ],
  ["no fingerprint", { "compose.resolved": "" }, { recreateWouldChange: undefined }],
  ["another configuration", { "compose.resolved": "frontend changed\n" }, { recreateWouldChange: true }],
  [
    "another service's configuration",
    { "compose.resolved": "backend-core changed\n" },
    { recreateWouldChange: undefined },
  ],
  [
    "no answer of the health",
    { "health.frontend": 7 },
    { container: { health: { status: 0, body: "", error: "why", where: "main-server port 8080 /health" } } },
  ],
  [
    "a bad answer of the health",
    { "health.frontend": "oops\n503 http://x/health" },
    { container: { health: { status: 503, body: "oops" } } },
  ],
])("%s", (_, changes, expected) => expect(read(changes as typeof good)).toMatchObject(expected));

test("nothing to look at is no probe at all", () => {
  expect(composeProbes(host, [])).toBe("");
  expect(readServices(parseProbes("end\n", "main-server"), host, [])).toEqual(new Map());
});

describe("a real bash, with a Docker that has nothing", () => {
  const envFile = write(
    tempFolder(),
    "my state.env",
    [
      `SECRET=hunter2`,
      `API_KEY=first`,
      `export API_KEY: "twelve chars" # a comment`,
      `${prefix}COMMIT=old`,
      `export ${prefix}COMMIT: ${commitA}\r`,
      `# ${prefix}DIGEST=x`,
      `${prefix}IMAGE = a=b`,
    ].join("\n"),
  );
  const docker = write(
    tempFolder(),
    "docker",
    '#!/bin/sh\n[ "$1" = compose ] && exit 1\nwhile [ $# -gt 1 ]; do shift; done\necho "Error: No such $([ "$1" = unidesk-frontend ] && echo container || echo image): $1" >&2\nexit 1\n',
  );
  const here = localHost(tempFolder());
  const local = [{ service: "frontend", target: { ...target, envFile: { path: envFile } }, commit: commitA }];
  const script = `chmod +x ${docker}\nPATH=\${1%/*}:$PATH\n${probePrelude}\n${composeProbes(here, local)}\n${probeEnd}`;
  const { stdout } = bash(script, [docker]);

  test("finds nothing but our keys of the env file; no foreign value leaves the host", () => {
    const probes = parseProbes(stdout.toString(), "d601");
    expect(probes.text("compose.keys")).toBe(`${prefix}COMMIT=old\n${prefix}COMMIT=${commitA}\n${prefix}IMAGE=a=b\n`);
    expect(readServices(probes, here, local).get("frontend")).toEqual({
      container: undefined,
      stableImageId: undefined,
      images: {},
      envKeys: { [`${prefix}COMMIT`]: commitA, [`${prefix}IMAGE`]: "a=b" },
      secrets: { API_KEY: 12, TOKEN: 0 },
      recreateWouldChange: undefined,
    });
  });
});
