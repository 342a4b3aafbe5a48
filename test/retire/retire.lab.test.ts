import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { identityFile, labCommits, labExec } from "../../lab/index.ts";
import { hostPaths } from "../../lib/host-paths.ts";
import { containerFacts, fileOn, home, imageId, LabSite, lines, mainServerStack, until } from "../lab-support.ts";

const site = new LabSite();
const host = "main-server";
const paths = hostPaths({ home });
const root = `${home}/unidesk`;
const { first: commit, second: otherCommit } = labCommits.unidesk;
/** Nothing is pinned. */
const unpinned = { pins: {} };

const retired = { service: "project-manager", container: "project-manager-backend" };
const supervised = { service: "code-queue-mgr", container: "code-queue-mgr-backend" };
const neighbour = { service: "oa-event-flow", container: "oa-event-flow-backend" };
const jobs = `${paths.deployJobs}/unidesk/${retired.service}`;

const compose = `cd ${root} && docker compose -p unidesk -f docker-compose.yml --env-file .state/compose.env`;
/** An image of one program, for a lab in which the service was never deployed. */
const startScript = `
set -eu
docker inspect --type container "$2" >/dev/null 2>&1 && exit 0
if ! docker image inspect "$1" >/dev/null 2>&1; then
  tar -ch -C / usr/bin/sleep lib/x86_64-linux-gnu/libc.so.6 lib64/ld-linux-x86-64.so.2 |
    docker import -c 'ENTRYPOINT ["/usr/bin/sleep", "infinity"]' -c "STOPSIGNAL SIGKILL" -c "LABEL org.opencontainers.image.revision=$3" - "$1" >/dev/null
  echo image
fi
${compose} up -d --no-build --no-deps --pull never "$1" >/dev/null 2>&1
echo container
`;
const made: { service: string; container: string; what: string[] }[] = [];

async function start(target: typeof retired): Promise<void> {
  const { service, container } = target;
  const what = lines(await labExec(host, ["bash", "-c", startScript, "start", service, container, commit]));
  if (!made.some((one) => one.service === service)) made.push({ ...target, what });
}
const commitOf = ({ container }: typeof retired) =>
  labExec(host, `docker inspect -f '{{index .Config.Labels "org.opencontainers.image.revision"}}' ${container}`);
const retire = ({ service }: typeof retired, ...rest: string[]) =>
  site.unidesk(["retire", service, "--env", "prod", ...rest], unpinned);
const as = (script: string) => labExec(host, ["sudo", "-u", "ubuntu", "bash", "-ceu", script]);

beforeAll(async () => {
  await site.open();
  for (const target of [retired, supervised, neighbour]) await start(target);
});
afterAll(async () => {
  for (const { service, container, what } of made) {
    // What was deployed here before comes back from what a retirement keeps: image, env file and volumes.
    if (what.length === 0) await start({ service, container });
    else await labExec(host, `docker rm -f ${container} >/dev/null 2>&1 || true`);
    if (what.includes("image")) await labExec(host, `docker rmi ${service} >/dev/null`);
  }
  await site.close();
});

describe("refuses and leaves alone what runs", () => {
  test.each([
    [
      "while a deploy job of the service runs",
      `systemd-run --quiet --collect --unit=unidesk-deploy-${retired.service} sleep 60`,
      `systemctl stop unidesk-deploy-${retired.service}`,
      [
        "a deploy job of project-manager is at work: unidesk-deploy-project-manager.service",
        "remedy:  wait until it ended (journalctl -u unidesk-deploy-project-manager), then retire again",
      ],
    ],
    [
      "while a deploy job holds the service",
      `sudo -u ubuntu mkdir -p ${jobs}; systemd-run --quiet --collect --unit=ut-retire-lock --uid=ubuntu sh -c 'echo "m/1 $(date +%s) project-manager ${commit} ann@laptop" > ${jobs}/lock; exec flock ${jobs}/lock sleep 60'; sleep 0.5`,
      "systemctl stop ut-retire-lock",
      [`a deploy job of project-manager is at work: project-manager ${commit} by ann@laptop, for `],
    ],
    [
      "while a deployment that was cut off is not undone",
      `sudo -u ubuntu mkdir -p ${jobs}; touch ${jobs}/pending`,
      `rm ${jobs}/pending`,
      [
        "a deployment of project-manager was cut off and is not undone yet",
        "remedy:  on the host: sudo systemctl start unidesk-restore.service; then retire again",
      ],
    ],
  ])("%s", async (_, before, after, texts) => {
    const facts = await containerFacts(host, retired.container);
    await labExec(host, before);
    try {
      const { exitCode, output } = await retire(retired);
      for (const text of ["main-server: could not retire project-manager (exit 1)", ...texts]) {
        expect(output).toContain(text);
      }
      expect(exitCode).toBe(1);
    } finally {
      await labExec(host, after);
    }
    expect(await containerFacts(host, retired.container)).toEqual(facts);
  });

  test("while deploy.json pins it", async () => {
    const facts = await containerFacts(host, retired.container);
    const { exitCode, output } = await site.unidesk(["retire", retired.service, "--env", "prod"], {
      pins: { [retired.service]: { commit } },
    });
    expect(output).toContain(`remove environments.prod.${retired.service} from`);
    expect(exitCode).toBe(1);
    expect(await containerFacts(host, retired.container)).toEqual(facts);
  });
});

test("stops one service and keeps its image, the env file and every neighbour", async () => {
  const stack = `${home}/.unidesk/receipts/${mainServerStack}`;
  const receipt = "generation 1\\nspec x\\nrepair \\n";
  await as(
    `mkdir -p ${stack}; for part in delivery deployment; do printf '${receipt}' > ${stack}/${retired.service}-$part; done; printf '${receipt}' > ${stack}/${retired.service}-2-deployment`,
  );
  const receipts = async () => lines(await labExec(host, `ls ${stack}`));
  const [before, live, image, envFile, others] = await Promise.all([
    receipts(),
    commitOf(retired),
    imageId(host, retired.service),
    fileOn(host, `${root}/.state/compose.env`),
    Promise.all([neighbour, supervised].map(({ container }) => containerFacts(host, container))),
  ]);
  const { exitCode, stdout } = await retire(retired);
  expect(stdout).toBe(
    `stopped and removed main-server container project-manager-backend at ${live}; images, volumes and the env file stay`,
  );
  expect(exitCode).toBe(0);
  expect(await containerFacts(host, retired.container)).toBeUndefined();
  expect(await imageId(host, retired.service)).toBe(image);
  expect(await fileOn(host, `${root}/.state/compose.env`)).toEqual(envFile);
  expect(await Promise.all([neighbour, supervised].map(({ container }) => containerFacts(host, container)))).toEqual(
    others,
  );
  const gone = ["delivery", "deployment"].map((part) => `${retired.service}-${part}`);
  expect(await receipts()).toEqual(before.filter((name) => !gone.includes(name)));
  await labExec(host, `rm ${stack}/${retired.service}-2-deployment`);

  const [newest] = await historyOf(retired.service);
  expect(newest).toMatchObject({ result: "retired", commit: live, stack: mainServerStack, host });

  const again = await retire(retired, "--json");
  expect(JSON.parse(again.stdout)).toEqual({
    ok: true,
    service: "project-manager",
    environment: "prod",
    host: "main-server",
    retired: null,
  });
  expect(again.exitCode).toBe(0);
  expect((await historyOf(retired.service))[0]).toEqual(newest);
});

async function historyOf(service: string): Promise<Record<string, unknown>[]> {
  const { exitCode, stdout } = await site.unidesk(["history", service, "--env", "prod", "--json"]);
  expect(exitCode).toBe(0);
  return (JSON.parse(stdout) as { entries: Record<string, unknown>[] }).entries;
}

test("waits for a deployment of the same project", async () => {
  const lock = `${paths.locks}/compose-unidesk`;
  await as(`mkdir -p ${paths.locks}`);
  await labExec(host, `systemd-run --quiet --collect --unit=ut-retire-project --uid=ubuntu flock ${lock} sleep 12`);
  await until(
    "the lock is held",
    10_000,
    async () => (await labExec(host, `flock -n ${lock} true || echo held`, { user: "ubuntu" })) === "held",
  );
  const started = Date.now();
  const { exitCode, stdout } = await retire(retired);
  expect(stdout).toBe("nothing to stop: main-server has no container project-manager-backend");
  expect(exitCode).toBe(0);
  expect(Date.now() - started).toBeGreaterThan(1500);
});

test("leaves alone a container of that name that is not the Compose service", async () => {
  await labExec(host, `docker run -d --name ${retired.container} --entrypoint sleep ${neighbour.service} 60`);
  try {
    const facts = await containerFacts(host, retired.container);
    const { exitCode, output } = await retire(retired);
    expect(output).toContain("is not the service project-manager of the Compose project unidesk; it was left alone");
    expect(exitCode).toBe(1);
    expect(await containerFacts(host, retired.container)).toEqual(facts);
  } finally {
    await labExec(host, `docker rm -f ${retired.container} >/dev/null`);
  }
});

test("a supervised service is stopped with an approval of the commit that runs, and of no other", async () => {
  const live = await commitOf(supervised);
  const facts = await containerFacts(host, supervised.container);
  const without = await retire(supervised);
  expect(without.output).toContain(
    `nothing was changed: code-queue-mgr in prod is supervised and has no approval for ${live}`,
  );
  await site.approve(supervised.service, live === commit ? otherCommit : commit, unpinned);
  expect((await retire(supervised)).output).toContain(`no approval for ${live}`);
  const approve = ["approve", supervised.service, "--env", "prod", "--commit", live, "--key", identityFile];
  expect((await site.unidesk(approve, unpinned)).output).toContain("a deploy key cannot approve");
  await site.approve(supervised.service, live, unpinned);
  const inTask = await site.unidesk(["retire", supervised.service, "--env", "prod"], {
    ...unpinned,
    env: { CODE_QUEUE_TASK_ID: "42" },
  });
  expect(inTask.output).toContain("refused inside a Code Queue task");
  expect(await containerFacts(host, supervised.container)).toEqual(facts);

  const { exitCode, output } = await retire(supervised);
  expect(output).toContain(`container code-queue-mgr-backend at ${live}, approved by lab-approver; `);
  expect(exitCode).toBe(0);
  expect(await containerFacts(host, supervised.container)).toBeUndefined();
  expect((await historyOf(supervised.service))[0]).toMatchObject({
    result: "retired",
    commit: live,
    approval: { signer: "lab-approver", expires: expect.stringMatching(/Z$/) },
  });
});
