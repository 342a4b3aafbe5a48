import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { labCommits, labExec, startHost, stopHost } from "../../lab/index.ts";
import {
  containerFacts,
  expectOneError,
  fileOn,
  forgetTag,
  home,
  imageId,
  leftOnRunner,
  lines,
  listenersOn,
  pushByHand,
  registryStack,
  mainServerStack as stack,
  useLabSite,
  withRegistryStopped,
  writeOn,
} from "../lab-support.ts";

const site = useLabSite();
const { first: older, second: newer, third, lies, neverHealthy, crash } = labCommits.unidesk;
const container = "unidesk-frontend";
const image = "unidesk-frontend";
const root = `${home}/unidesk`;
const envFile = `${root}/.state/compose.env`;
const configJson = `${root}/config.json`;
const revision = "org.opencontainers.image.revision";
/** A commit that no repository has: only what a test pushes by hand lies under it. */
const handMade = "5".repeat(40);
let digestOfNewer = "";
let secrets: string[] = [];

beforeAll(async () => {
  secrets = await readSecrets();
  await site.deploy(registryStack);
  for (const commit of [older, third, lies, neverHealthy, crash]) await site.publish("frontend", commit);
  digestOfNewer = (await site.publish("frontend", newer)).digest ?? "";
});

describe("frontend", () => {
  test("older, newer, empty second diff, and back to older", async () => {
    await deploy(older);
    expect(await health()).toMatchObject({ commit: older, requestedCommit: older });

    const diff = await site.diff(stack, { pins: pin(newer) });
    expect(diff).toMatch(new RegExp(`~ "commit" += "${older}" -> "${newer}"`));
    expect(diff).toContain("Plan: 5 to add, 0 to change, 5 to destroy.");
    expect(await health(), "a diff deploys nothing").toMatchObject({ commit: older });

    const before = await containerFacts("main-server", container);
    const output = await deploy(newer);
    expect(output).toContain("1 artifact(s) as pinned");
    expect(output).toContain(`frontend is live at ${newer}`);
    expect(output).toContain(`image labels say ${newer}`);
    expect(output).toContain(`/health says ${newer}`);
    expect(await health()).toMatchObject({ commit: newer, requestedCommit: newer });
    expect((await containerFacts("main-server", container))?.id).not.toBe(before?.id);
    expect(await site.diff(stack, { pins: pin(newer) })).toContain("No changes.");

    const back = await deploy(older);
    expect(back).toContain(`${image}:${older} is already on main-server`);
    expect(await health()).toMatchObject({ commit: older, requestedCommit: older });
  });

  test("a pin with its digest: delivery leaves the commit's tag, no name with a port, no tunnel and no process", async () => {
    await deploy(older);
    await labExec("main-server", `docker rmi ${image}:${newer} || true`);
    const listeners = await listenersOn("main-server");
    const output = await site.deploy(stack, { pins: pin(newer, digestOfNewer) });
    expect(output).toContain(`delivered ${digestOfNewer}`);
    expect(await health()).toMatchObject({ commit: newer, requestedCommit: newer });

    const id = await imageId("main-server", `${image}:${newer}`);
    expect(id).toMatch(/^sha256:/);
    expect((await containerFacts("main-server", container))?.imageId).toBe(id);
    expect(await imageId("main-server", image)).toBe(id);
    const names = "{{range .RepoTags}}{{println .}}{{end}}{{range .RepoDigests}}{{println .}}{{end}}";
    const references = await labExec("main-server", `docker image inspect -f '${names}' $(docker image ls -aq)`);
    expect(references).not.toMatch(/127\.0\.0\.1|localhost|:\d+\//);
    expect(await listenersOn("main-server")).toEqual(listeners);
    expect(await leftOnRunner(site)).toEqual([]);
  });

  test("the env file keeps foreign bytes, owner, mode and link", async () => {
    await deploy(older);
    const original = await fileOn("main-server", envFile);
    const foreign = [
      "# Stra\u00c3\u009fe, and a key that only begins like ours\nUNIDESK_FRONTEND_DEPLOYMENTS=7\n",
      "export A='b  c'  \n\n# latin-1: \u00fc\nWINDOWS=yes\r\n",
    ].join("");
    const elsewhere = `${root}/.state/elsewhere.env`;
    await writeOn("main-server", envFile, foreign + original.bytes);
    await labExec(
      "main-server",
      `mv ${envFile} ${elsewhere}; ln -s elsewhere.env ${envFile}; chmod 0640 ${elsewhere}; chown ubuntu:docker ${elsewhere}`,
    );
    let restored = original.bytes;
    try {
      await deploy(newer);
      const found = await fileOn("main-server", elsewhere);
      expect(withoutOurKeys(found.bytes)).toBe(withoutOurKeys(foreign + original.bytes));
      restored = found.bytes.slice(foreign.length);
      expect(found.status).toMatch(/^ubuntu:docker 640 /);
      expect(await labExec("main-server", ["readlink", envFile])).toBe("elsewhere.env");
      expect(deployKeys(found.bytes)).toEqual([
        `UNIDESK_FRONTEND_DEPLOY_COMMIT=${newer}`,
        `UNIDESK_FRONTEND_DEPLOY_DIGEST=${digestOfNewer}`,
        expect.stringMatching(new RegExp(`^UNIDESK_FRONTEND_DEPLOY_IMAGE=.*/unidesk/frontend:${newer}$`)),
        `UNIDESK_FRONTEND_DEPLOY_REQUESTED_COMMIT=${newer}`,
      ]);
      expect(await halfWritten()).toEqual([]);
    } finally {
      await labExec(
        "main-server",
        `rm ${envFile}; mv ${elsewhere} ${envFile}; chmod 0600 ${envFile}; chown ubuntu:ubuntu ${envFile}`,
      );
      await writeOn("main-server", envFile, restored);
    }
  });

  test("recreates one service: neighbours of the same project keep their containers", async () => {
    await deploy(older);
    const neighbours = await startNeighbours();
    try {
      const before = await Promise.all(neighbours.map((name) => containerFacts("main-server", name)));
      expect(before.map((facts) => facts?.running)).toEqual([true, true]);
      await deploy(newer);
      expect(await Promise.all(neighbours.map((name) => containerFacts("main-server", name)))).toEqual(before);
    } finally {
      await removeNeighbours();
    }
  });

  test("an apply without its state recognises what is live and changes nothing", async () => {
    await deploy(newer);
    const before = await hostFacts();
    site.removeState();
    const output = await deploy(newer);
    expect(output).toContain("Plan: 5 to add");
    expect(output).toContain("already deployed; verifying");
    expect(await hostFacts()).toEqual(before);
    expect(await site.diff(stack, { pins: pin(newer) })).toContain("No changes.");
  });
});

describe("fails before anything is synthesized", () => {
  test.each([
    [
      "39 hex digits",
      { frontend: { commit: newer.slice(1) } },
      `environments.prod.frontend.commit: found "${newer.slice(1)}"; must be a full Git commit: 40 lowercase hex digits; remedy: git rev-parse`,
    ],
    [
      "latest",
      { frontend: { commit: "latest" } },
      'environments.prod.frontend.commit: found "latest"; must be a full Git commit',
    ],
    [
      "a branch",
      { frontend: { commit: "release/v1" } },
      'environments.prod.frontend.commit: found "release/v1"; must be a full Git commit',
    ],
    ["an unknown service", { frontent: { commit: newer } }, "environments.prod.frontent: unknown service"],
    [
      "code-queue in prod",
      { "code-queue": { commit: newer } },
      'environments.prod.code-queue: decision: "unsupported"',
    ],
  ])("if a pin is %s", async (_, pins, message) => {
    const output = await site.failDiff(stack, { pins });
    expect(output).toContain(message);
    expect(output).not.toMatch(/^\s+at .*\.ts:\d+/m);
  });
});

describe("fails and touches nothing, and the next good apply works,", () => {
  let before: Awaited<ReturnType<typeof hostFacts>>;

  beforeAll(async () => {
    await deploy(older);
    before = await hostFacts();
  });

  afterEach(async () => {
    const after = await hostFacts();
    await deploy(older);
    expect(after, "what main-server held after the failure").toEqual(before);
    expect(await hostFacts(), "what main-server holds after the next good apply").toEqual(before);
  });

  test("if the pin's digest is not the registry's", async () => {
    const wrong = `sha256:${"a".repeat(64)}`;
    const output = await site.failDeploy(stack, { pins: pin(newer, wrong) });
    expectOneError(
      output,
      "preflight: nothing was changed, because not every artifact is as pinned",
      `frontend: manifest digest: expected ${wrong}, found ${digestOfNewer} (looked at d601 127.0.0.1:5000/unidesk/frontend:${newer})`,
      "remedy:  npx unidesk artifact publish",
    );
  });

  test("if the registry has no such artifact", async () => {
    await forgetTag("frontend", handMade);
    const output = await site.failDeploy(stack, { pins: pin(handMade) });
    expectOneError(
      output,
      `frontend: artifact: expected a manifest under the commit tag, found none (looked at d601 127.0.0.1:5000/unidesk/frontend:${handMade})`,
    );
  });

  test("if the image's revision label is another commit", async () => {
    await pushByHand("frontend", handMade, newer, { [revision]: newer });
    try {
      const output = await site.failDeploy(stack, { pins: pin(handMade) });
      expectOneError(
        output,
        `frontend: image label ${revision}: expected ${handMade}, found ${newer} (looked at d601 127.0.0.1:5000/unidesk/frontend:${handMade})`,
      );
    } finally {
      await forgetTag("frontend", handMade);
    }
  });

  test("if the registry's host key is another and the image is not on the target", async () => {
    await labExec("main-server", `docker rmi ${image}:${third} 2>/dev/null || true`);
    const output = await site.failDeploy(stack, {
      pins: pin(third),
      hosts: ({ d601, "main-server": mainServer }) => {
        d601.hostKeys = mainServer.hostKeys;
      },
    });
    expectOneError(
      output,
      /d601: the host key of 127\.0\.0\.1:\d+ is not one of the pinned keys; nothing was sent/,
      `frontend: image on the target: expected there, found none (looked at main-server image ${image}:${third})`,
    );
  });

  test("if the target's host key is another", async () => {
    const output = await site.failDeploy(stack, {
      pins: pin(newer),
      hosts: ({ d601, "main-server": mainServer }) => {
        mainServer.hostKeys = d601.hostKeys;
      },
    });
    expectOneError(
      output,
      /infra-blocked: main-server: the host key of 127\.0\.0\.1:\d+ is not one of the pinned keys; nothing was sent/,
      /remedy: .*console/,
    );
  });

  test("if the registry is stopped and the image is not on the target", async () => {
    await labExec("main-server", `docker rmi ${image}:${third} 2>/dev/null || true`);
    const output = await withRegistryStopped(() => site.failDeploy(stack, { pins: pin(third) }));
    expectOneError(
      output,
      "the registry is not reachable; looking for the images on main-server instead",
      "d601 127.0.0.1:5000: the registry does not answer",
      `frontend: image on the target: expected there, found none (looked at main-server image ${image}:${third})`,
    );
  });

  test("if the registry is stopped and the image under the commit's tag is another's", async () => {
    await labExec("main-server", `docker tag ${image}:${older} ${image}:${handMade}`);
    try {
      const output = await withRegistryStopped(() => site.failDeploy(stack, { pins: pin(handMade) }));
      expectOneError(
        output,
        `frontend: image label ${revision}: expected ${handMade}, found ${older} (looked at main-server image ${image}:${handMade})`,
      );
    } finally {
      await labExec("main-server", `docker rmi ${image}:${handMade}`);
    }
  });

  test("if config.json names no controlled env file", async () => {
    const { bytes } = await fileOn("main-server", configJson);
    const config = JSON.parse(bytes) as { providerGateway: { upgrade: Record<string, unknown> } };
    delete config.providerGateway.upgrade.composeEnvFile;
    await writeOn("main-server", configJson, JSON.stringify(config));
    try {
      const output = await site.failDeploy(stack, { pins: pin(newer) });
      expectOneError(
        output,
        "main-server: could not deploy frontend",
        `${configJson} does not name the controlled env file; allowed: JSON with providerGateway.upgrade.composeEnvFile`,
      );
    } finally {
      await writeOn("main-server", configJson, bytes);
    }
  });

  test("if the image under the commit's tag was exchanged by hand and nobody looked", async () => {
    await deploy(newer);
    const delivered = await imageId("main-server", `${image}:${newer}`);
    const live = await hostFacts();
    await labExec("main-server", `docker tag ${image}:${older} ${image}:${newer}`);
    try {
      const pins = pin(newer);
      await site.taint(stack, "frontend-deployment", { pins });
      const output = await site.failDeploy(stack, { pins, observe: "off", healthDeadlineSeconds: 8 });
      expectOneError(
        output,
        `frontend: image label ${revision}: expected ${newer}, found ${older} (looked at main-server `,
      );
      expect(await hostFacts(), "nothing was touched").toEqual(live);
    } finally {
      await labExec("main-server", `docker tag ${delivered} ${image}:${newer}`);
      await deploy(older);
      before = await hostFacts();
    }
  });
});

test("fails if the target is unreachable: infra-blocked, with the host and the remedy", async () => {
  await deploy(older);
  await stopHost("main-server");
  let output: string;
  try {
    output = await site.failDeploy(stack, { pins: pin(newer) });
  } finally {
    await startHost("main-server");
  }
  expectOneError(
    output,
    /infra-blocked: main-server: cannot be reached by SSH at ubuntu@127\.0\.0\.1:\d+/,
    /found: .*Connection refused/,
    "remedy:  check that the host is up, and its address, port, user and identityFile in cdktf.json",
  );
  await deploy(newer);
  expect(await health()).toMatchObject({ commit: newer, requestedCommit: newer });
});

test("a rollback does not need the registry: an image that is on the target is deployed while it is stopped", async () => {
  await deploy(older);
  await deploy(newer);
  await withRegistryStopped(async () => {
    const output = await deploy(older);
    expect(output).toContain("the registry is not reachable; looking for the images on main-server instead");
    expect(output).toContain(`the registry is not reachable; ${image}:${older} is already on main-server`);
  });
  expect(await health()).toMatchObject({ commit: older, requestedCommit: older });
  expect(await site.diff(stack, { pins: pin(older) })).toContain("No changes.");
});

describe("a new container that does not prove its commit fails the apply, and the next good apply works:", () => {
  test.each([
    {
      fault: "never healthy",
      commit: neverHealthy,
      messages: [
        "frontend: health status: expected 200, found 503 (looked at main-server http://",
        "unidesk-frontend was looked at for 20 s",
      ],
    },
    {
      fault: "ends as it starts",
      commit: crash,
      messages: [
        // A container that keeps restarting runs for a moment now and then, also when it is looked at last.
        /frontend: (container state: expected running, found (restarting|exited)|health: expected an answer)/,
      ],
    },
    {
      fault: "names another commit",
      commit: lies,
      messages: [
        `frontend: deploy.commit: expected ${lies}, found 0123456789abcdef0123456789abcdef01234567 (looked at main-server http://`,
      ],
    },
  ])("$fault", async ({ commit, messages }) => {
    await deploy(older);
    const foreign = withoutOurKeys((await fileOn("main-server", envFile)).bytes);
    const output = await site.failDeploy(stack, {
      pins: pin(commit),
      healthDeadlineSeconds: 20,
    });
    expectOneError(output, ...messages, "remedy:  ssh to main-server and read: docker logs --tail 50 unidesk-frontend");
    expect(withoutOurKeys((await fileOn("main-server", envFile)).bytes)).toEqual(foreign);
    expect(await halfWritten()).toEqual([]);
    expect(await leftOnRunner(site)).toEqual([]);

    await deploy(older);
    expect(await health()).toMatchObject({ commit: older, requestedCommit: older });
  });

  test("an old image with a new environment", async () => {
    await deploy(older);
    await deploy(newer);
    await labExec("main-server", `docker tag ${image}:${older} ${image}`);
    await compose("up -d --no-build --no-deps --pull never --force-recreate frontend");
    const live = { commit: older, requestedCommit: newer };
    await expect.poll(() => health(), { timeout: 20_000 }).toMatchObject(live);

    const pins = pin(newer);
    for (const check of ["frontend-image-label", "frontend-health-commit"]) await site.taint(stack, check, { pins });
    const output = await site.failDeploy(stack, { pins, observe: "off", healthDeadlineSeconds: 3 });
    expect(output).toContain(
      `frontend: image label ${revision}: expected ${newer}, found ${older} (looked at main-server container unidesk-frontend)`,
    );
    expect(output).toContain(
      `frontend: deploy.commit: expected ${newer}, found ${older} (looked at main-server http://`,
    );
    expect(output.match(/│ Error: /g), "one error a check").toHaveLength(2);
    expect(await health(), "checks change nothing").toMatchObject(live);

    await deploy(newer);
    expect(await health()).toMatchObject({ commit: newer, requestedCommit: newer });
  });
});

afterAll(() => {
  expect(secrets.length).toBeGreaterThan(4);
  const states = readdirSync(site.stateFolder()).map((name) => readFileSync(join(site.stateFolder(), name), "utf8"));
  const synthesized = readdirSync(site.folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith("cdk.tf.json"),
  );
  const texts = [
    ...site.printed,
    ...states,
    ...synthesized.map((name) => readFileSync(join(site.folder, name), "utf8")),
  ];
  for (const secret of secrets)
    expect(
      texts.some((text) => text.includes(secret)),
      "a secret in output, state or plan",
    ).toBe(false);
});

function pin(commit: string, digest?: string) {
  return { frontend: { commit, ...(digest ? { digest } : {}) } };
}

function deploy(commit: string): Promise<string> {
  return site.deploy(stack, { pins: pin(commit) });
}

/** `deploy` of frontend's health, asked by the container's own address. */
async function health(): Promise<unknown> {
  const address = `docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' ${container}`;
  return (
    JSON.parse(await labExec("main-server", `curl -sS --max-time 5 "http://$(${address}):8080/health"`)) as {
      deploy: unknown;
    }
  ).deploy;
}

/** Everything on main-server that a deployment of frontend touches; of the env file a hash, for its secrets. */
async function hostFacts() {
  const { bytes, status } = await fileOn("main-server", envFile);
  return {
    container: await containerFacts("main-server", container),
    stable: await imageId("main-server", image),
    envFile: { sha256: createHash("sha256").update(bytes, "latin1").digest("hex"), status },
    state: await stateFolder(),
    listeners: await listenersOn("main-server"),
  };
}

async function stateFolder(): Promise<string[]> {
  return lines(await labExec("main-server", ["ls", "-A", `${root}/.state`]));
}

/** Temporary files that an interrupted change of the env file would leave. */
async function halfWritten(): Promise<string[]> {
  return (await stateFolder()).filter((name) => name.includes("unidesk-stage."));
}

function deployKeys(bytes: string): string[] {
  return lines(bytes).filter(isOurs).sort();
}

/** The env file's bytes without this service's keys. */
function withoutOurKeys(bytes: string): string {
  return bytes
    .split("\n")
    .filter((line) => !isOurs(line))
    .join("\n");
}

function isOurs(line: string): boolean {
  return line.startsWith("UNIDESK_FRONTEND_DEPLOY_");
}

function compose(command: string): Promise<string> {
  const project = `docker compose --project-name unidesk --project-directory ${root} -f ${root}/docker-compose.yml`;
  return labExec("main-server", `${project} --env-file ${envFile} ${command}`, { user: "ubuntu" });
}

const neighbourImage = "unidesk-backend-core";
let madeNeighbourImage = false;

/** backend-core, which frontend depends on, and a container that is in the project by its labels alone. */
async function startNeighbours(): Promise<string[]> {
  if (!(await containerFacts("main-server", "backend-core"))) {
    madeNeighbourImage = true;
    await labExec("main-server", `docker tag ${image}:${older} ${neighbourImage}`);
    await compose("up -d --no-build --no-deps --pull never backend-core");
  }
  const labels = "--label com.docker.compose.project=unidesk --label com.docker.compose.service=unidesk-test-orphan";
  await labExec(
    "main-server",
    `docker run -d --name unidesk-test-orphan --network unidesk ${labels} ${image}:${older}`,
  );
  return ["backend-core", "unidesk-test-orphan"];
}

async function removeNeighbours(): Promise<void> {
  await labExec("main-server", "docker rm -f unidesk-test-orphan");
  if (madeNeighbourImage) await labExec("main-server", `docker rm -f backend-core; docker rmi ${neighbourImage}`);
  madeNeighbourImage = false;
}

/** Values that must never leave main-server; the digest of what is deployed, which looks like them, is none. */
async function readSecrets(): Promise<string[]> {
  const files = await Promise.all([envFile, configJson].map((path) => fileOn("main-server", path)));
  return files.flatMap(({ bytes }) => bytes.match(/(?<!DIGEST=sha256:)\b[0-9a-f]{64}\b/g) ?? []);
}
