import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import { composeProbes, composeWords, readServices } from "../../lib/observe/compose.ts";
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
const mounts = [
  {
    type: "volume",
    name: "unidesk_cache",
    source: "/var/lib/docker/volumes/unidesk_cache/_data",
    destination: "/cache",
  },
  { type: "bind", name: "", source: "/srv/unidesk/config.json", destination: "/config.json" },
];
const prefix = "UNIDESK_FRONTEND_DEPLOY_";

/** Output of every probe that went well; a number is an exit code. */
const good: Record<string, string | number> = {
  "health.frontend": '{"deploy":\n{}}\n200 http://172.18.0.2:8080/health',
  "compose.images": `${JSON.stringify({ tags: ["unidesk-frontend:latest", `unidesk-frontend:${commitA}`], id: digestA, labels })}\n`,
  "gate.frontend.0": '{"done":1}\n200 http://172.18.0.2:8080/stats',
  "compose.secrets": "API_KEY 64\nTOKEN 0\n",
  "compose.addresses": "",
  "compose.containers": `${JSON.stringify({ name: "/unidesk-frontend", id: "c0ffee", status: "running", imageId: digestA, labels: { "dev.unidesk.deploy.commit": commitA, "dev.unidesk.deploy.digest": null }, mounts })}\n`,
  "compose.files": "",
  "compose.names": "frontend unidesk-frontend\nfrontend 0123456789ab_unidesk-frontend\nbackend-core backend-core\n",
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
      mounts: [
        { type: "volume", from: "unidesk_cache", to: "/cache" },
        { type: "bind", from: "/srv/unidesk/config.json", to: "/config.json" },
      ],
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
  [
    "a container under another name",
    { "compose.names": "backend-core backend-core-1\nfrontend unidesk-frontend-1\n" },
    { otherNames: ["unidesk-frontend-1"] },
  ],
  [
    "a container from other Compose files",
    { "compose.files": "/unidesk-frontend /srv/my override.yml\n/unidesk-frontend-2 /srv/other.yml\n" },
    { container: { otherFiles: ["/srv/my override.yml"] } },
  ],
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
  [
    "nothing to compare the configuration with",
    { "compose.resolved": "frontend unknown 0123456789abcdef\n" },
    { recreateWouldChange: undefined, resolved: "0123456789abcdef" },
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

test("a mount without a name or a source is one all the same", () => {
  const line = JSON.parse(String(good["compose.containers"]));
  const tmpfs = { type: "tmpfs", name: null, source: "", destination: "/run" };
  const found = read({ "compose.containers": JSON.stringify({ ...line, mounts: [tmpfs] }) });
  expect(found?.container?.mounts).toEqual([{ type: "tmpfs", from: "", to: "/run" }]);
});

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
  const script = `chmod +x ${docker}\nPATH=${dirname(docker)}:$PATH\n${probePrelude}\n${composeProbes(here, local)}\n${probeEnd}`;
  const { stdout } = bash(script, composeWords(local));

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

describe("what Docker says", () => {
  /** A probe with a Docker of that exit code, standard output and standard error. */
  const look = (name: string, code: number, stderr: string, stdout = "") => {
    const docker = write(
      tempFolder(),
      "docker",
      `#!/bin/sh\nprintf '${stdout}'\nprintf '${stderr}' >&2\nexit ${code}\n`,
    );
    const local = [{ service: "frontend", target, commit: commitA }];
    const script = `chmod +x ${docker}\nPATH=${dirname(docker)}:$PATH\n${probePrelude}\n${composeProbes(localHost(tempFolder()), local)}\n${probeEnd}`;
    return parseProbes(bash(script, composeWords(local)).stdout.toString(), "d601").get(`compose.${name}`);
  };
  const warning = "WARNING: Error loading config file: /root/.docker/config.json: permission denied\\n";
  const podman = "Emulate Docker CLI using podman. Create /etc/containers/nodocker to quiet msg.\\n";
  const absent = "Error: No such container: unidesk-frontend\\n";

  test.each([
    ["a warning beside an answer", 0, warning],
    ["another program's greeting beside an answer", 0, podman],
    ["a warning beside that there is none", 1, `${warning}${podman}${absent}`],
  ])("is an answer: %s", (_, code, stderr) => expect(look("containers", code, stderr).exitCode).toBe(0));

  test.each([
    ["no word", 1, "", "docker gave no answer (exit 1)\n\n"],
    ["a warning alone", 1, warning, "docker gave no answer (exit 1)\n\n"],
    ["a daemon that is down", 1, `${absent}Cannot connect\\n`, "Cannot connect\n"],
    ["a client that cannot run", 125, "oops\\n", "docker gave no answer (exit 125)\noops\n"],
  ])("is none: %s", (_, code, stderr, text) => expect(look("containers", code, stderr)).toEqual({ exitCode: 1, text }));

  test("is not hidden by what reads the environment of containers", () => {
    expect(look("env", 1, "Cannot connect\\n")).toEqual({ exitCode: 1, text: "Cannot connect\n" });
    const line = `/unidesk-frontend ${prefix}COMMIT=${commitA}\\n`;
    expect(look("env", 0, "", `${line}/unidesk-frontend SECRET=hunter2\\n`).text).toBe(line.replace("\\n", "\n"));
  });
});
