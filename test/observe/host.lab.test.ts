import { afterAll, beforeAll, expect, test } from "vitest";
import { labCommits, labExec } from "../../lab/index.ts";
import { type ComposeSubject, composeProbes, composeWords } from "../../lib/observe/compose.ts";
import { observeHost } from "../../lib/observe/host.ts";
import { parseProbes, probeEnd, probePrelude } from "../../lib/observe/probe.ts";
import { runScript } from "../../lib/ssh/run.ts";
import { home, mainServerStack, registryStack, useLabSite } from "../lab-support.ts";
import { composeTarget } from "../support.ts";

const site = useLabSite("registry");
const { second: commit } = labCommits.unidesk;
const envFile = `${home}/unidesk/.state/compose.env`;
const canary = "canary-9f2c1e";
const count = 13;

const target = (name: string) =>
  composeTarget({
    container: name,
    composeService: name,
    root: `${home}/unidesk`,
    envFile: { configJson: `${home}/unidesk/config.json` },
    health: { port: 8080, path: "/health", deadlineSeconds: 10, commitFrom: "reply" },
  });
const subjects: ComposeSubject[] = Array.from({ length: count }, (_, index) => {
  const name = `observed-${index}`;
  return { service: name, target: target(name), commit };
});

beforeAll(async () => {
  await site.deploy(registryStack);
  await site.publishMissing(site.pins());
  await site.deploy(mainServerStack);
  const names = subjects.map(({ service }) => service).join(" ");
  await labExec(
    "main-server",
    `for name in ${names}; do docker rm -f $name >/dev/null 2>&1; docker run -d --name $name -e SECRET=${canary} -e UNIDESK_DEPLOY_REQUESTED_COMMIT=${commit} unidesk-frontend; done`,
    { timeoutMs: 200_000 },
  );
  await labExec("main-server", `cp -p ${envFile} /root/env; echo SECRET=${canary} >> ${envFile}`);
});
afterAll(async () => {
  const names = subjects.map(({ service }) => service).join(" ");
  await labExec(
    "main-server",
    `docker rm -f ${names}; [ ! -f /root/env ] || { cat /root/env > ${envFile}; rm /root/env; }`,
    { timeoutMs: 200_000 },
  );
});

test(`${count} containers in one look: what runs, and what each says of itself`, async () => {
  const connection = site.connection("main-server");
  await expect
    .poll(
      async () => {
        const { services } = await observeHost(connection, { services: subjects });
        return [...services.values()].filter(({ container }) => container?.health.status === 200).length;
      },
      { timeout: 90_000, message: `${count} healthy containers` },
    )
    .toBe(count);
  const { services } = await observeHost(connection, { services: subjects });
  for (const [name, { container, images }] of services) {
    expect(container, name).toMatchObject({
      status: "running",
      imageLabels: { "org.opencontainers.image.revision": commit, "dev.unidesk.service": "frontend" },
      deployEnv: { UNIDESK_DEPLOY_REQUESTED_COMMIT: commit },
    });
    expect(JSON.parse(container?.health.body ?? "")).toMatchObject({ deploy: { commit, requestedCommit: commit } });
    expect(images[commit]?.id).toBe(container?.imageId);
  }
});

test("no foreign value leaves the host: not of the env file, a container or config.json", async () => {
  const connection = site.connection("main-server");
  const script = `${probePrelude}\n${composeProbes(connection, subjects)}\n${probeEnd}`;
  const { stdout, exitCode } = await runScript(connection, script, composeWords(subjects));
  expect(exitCode).toBe(0);
  const decoded = stdout
    .split("\n")
    .map((line) => Buffer.from(line.split(" ")[2] ?? "", "base64").toString("latin1"))
    .join("\n");
  expect(decoded).toContain("UNIDESK_FRONTEND_DEPLOY_COMMIT=");
  const secrets = await labExec(
    "main-server",
    `grep -v _DEPLOY_ ${envFile} | sed -n 's/^\\(export \\)\\{0,1\\}UNIDESK_\\(BAIDU\\|AUTH\\)[A-Z_]*=//p'; grep -oE '"[^"]{16,}"' ${home}/unidesk/config.json | tr -d '"' | grep -v /`,
  );
  for (const secret of [canary, ...secrets.split("\n").filter((value) => value.length >= 8)]) {
    expect(decoded).not.toContain(secret);
  }
});

test("a probe that half fails says which part", async () => {
  const connection = site.connection("main-server");
  await labExec("main-server", "systemctl stop docker docker.socket");
  try {
    await expect(observeHost(connection, { services: subjects.slice(0, 1) })).rejects.toThrow(
      /^main-server: looking at compose\.\w+ failed \(exit \d+\)\n {2}found: {3}.*docker daemon/s,
    );
    const diff = await site.diff(mainServerStack);
    expect(diff).toContain("warning: main-server was not observed; its diff compares with Terraform's state only");
    expect(diff).toContain("looking at compose.");
  } finally {
    await labExec("main-server", "systemctl start docker");
  }
});

test("one look is one SSH session, however many services", async () => {
  const connection = site.connection("main-server");
  const sessions = async () =>
    Number(await labExec("main-server", "journalctl -u ssh --no-pager | grep -c 'Accepted publickey' || true"));
  const before = await sessions();
  await observeHost(connection, { services: subjects });
  expect((await sessions()) - before).toBeLessThanOrEqual(1);
});

test("output of a broken look is refused, not guessed", () => {
  expect(() => parseProbes("compose.env 0 -\n", "main-server")).toThrow("the output ends early");
});
