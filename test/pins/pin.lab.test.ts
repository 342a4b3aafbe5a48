import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { labCommits, labExec, unpushedCommit } from "../../lab/index.ts";
import type { DeployPlan } from "../../lib/deploy-plan/schema.ts";
import { historyFunctions } from "../../lib/history/append.ts";
import { hostPaths } from "../../lib/host-paths.ts";
import { imageLabels } from "../../lib/labels.ts";
import type { ReviewReport } from "../../lib/review/report.ts";
import { mustRun } from "../../lib/ssh/script.ts";
import {
  checkout,
  containerFacts,
  forgetTag,
  home,
  LabSite,
  mainServerStack,
  pushByHand,
  type RunOptions,
  registryStack,
  registryStatus,
  withRegistryStopped,
} from "../lab-support.ts";

const site = new LabSite();
const service = "oa-event-flow";
const { first, second, third, unreleased } = labCommits.unidesk;
const history = `${hostPaths({ home }).history}/${service}.jsonl`;
const putBack = `[ ! -e ${history}.aside ] || mv ${history}.aside ${history}`;
const digests: Record<string, string> = {};
let folder: string;
let file: string;
let ran: boolean;

beforeAll(async () => {
  await site.open();
  if ((await registryStatus()) !== "200") await site.deploy(registryStack);
  for (const commit of [second, third]) digests[commit] = (await site.publish(service, commit)).digest ?? "";
  await forgetTag(service, first);
  ran = (await containerFacts("main-server", `${service}-backend`)) !== undefined;
  // A history that earlier runs cannot reach into.
  await labExec("main-server", `${putBack}; [ ! -e ${history} ] || mv ${history} ${history}.aside`);
  folder = mkdtempSync(join(site.folder, "pins-"));
  file = join(folder, "deploy.json");
  copyFileSync(join(checkout, "deploy.json"), file);
  await git("init", "--quiet");
  await keep();
}, 400_000);

afterAll(async () => {
  try {
    if (!ran) await site.unidesk(["retire", service, "--env", "prod"], { pins: {} });
    await labExec("main-server", `rm -f ${history}; ${putBack}`);
    await forgetTag(service, first);
  } finally {
    await site.close();
  }
});

async function git(...args: readonly string[]): Promise<string> {
  const person = ["-c", "user.name=Wei", "-c", "user.email=wei@unidesk.example"];
  return (await execa("git", ["-C", folder, ...person, ...args])).stdout;
}

/** What is pinned now is what the next difference is against. */
async function keep(): Promise<void> {
  await git("add", "deploy.json");
  await git("commit", "--quiet", "--allow-empty", "-m", "pins");
}

/** Changed lines of the pins file, without their indentation. */
async function changedLines(): Promise<string[]> {
  const lines = (await git("diff", "--unified=0")).split("\n").filter((line) => /^[+-] /.test(line));
  return lines.map((line) => line.replace(/\s+/, ""));
}

function pin(args: readonly string[], options: RunOptions = {}) {
  return site.unidesk(["pin", ...args], { ...options, env: { UNIDESK_DEPLOY_FILE: file } });
}

async function pinJson(args: readonly string[], options: RunOptions = {}) {
  const { exitCode, stdout } = await pin([...args, "--json"], options);
  return { exitCode, json: JSON.parse(stdout) };
}

const set = (commit: string, ...more: readonly string[]) => [
  "set",
  service,
  "--env",
  "prod",
  "--commit",
  commit,
  ...more,
];
const rollback = ["rollback", service, "--env", "prod"];

function pinned(): { commit: string; digest?: string; rollback?: string } {
  return JSON.parse(readFileSync(file, "utf8")).environments.prod[service];
}

const deploy = () => site.deploy(mainServerStack, { pins: { [service]: pinned() } });

/** What the plan and the review of the pin say that a rollback goes back to once it is applied. */
async function namedRollbacks(): Promise<unknown[]> {
  const options = { pins: { [service]: pinned() } };
  const [plan, review] = await Promise.all([
    site.unidesk(["deploy", "plan", "--service", service, "--env", "prod", "--json"], options),
    site.unidesk(["review", mainServerStack, "--json"], options),
  ]);
  const { records } = JSON.parse(plan.stdout) as DeployPlan;
  const { services } = JSON.parse(review.stdout) as ReviewReport;
  return [records[0]?.rollback.previousCommit, services.find((one) => one.service === service)?.rollback.commit];
}

/** A deployment of the past, written as the host writes it. */
async function deployedBefore(commit: string, minute: number): Promise<void> {
  const time = `2026-01-01T00:0${minute}:00Z`;
  const line = {
    ...{ id: `before-${minute}`, service, stack: mainServerStack, commit, digest: digests[commit] },
    ...{ startedAt: time, finishedAt: time, result: "deployed", operator: "lab@lab", fingerprint: "lab" },
  };
  const script = `${historyFunctions}\nappend_history "$@"`;
  await mustRun(site.connection("main-server"), "write the history", script, [history, JSON.stringify(line)]);
}

describe("a pin that is refused leaves the file as it is", () => {
  const refuses = async (exitCode: number, args: readonly string[], ...texts: readonly string[]) => {
    const before = readFileSync(file, "utf8");
    const outcome = await pin(args);
    for (const text of texts) expect(outcome.output).toContain(text);
    expect(outcome.exitCode).toBe(exitCode);
    expect(readFileSync(file, "utf8")).toBe(before);
  };

  test("fails if the registry has no such commit; the remedy publishes it", () =>
    refuses(
      1,
      set(first),
      "expected a manifest",
      `npx unidesk artifact publish --service ${service} --commit ${first}`,
    ));

  test("fails if the commit is on no release line, was never pushed, or is short", async () => {
    await refuses(1, set(unreleased), "reachable from master or release/v1", "other branches or tags only");
    await refuses(1, set(unpushedCommit()), "no such commit", "push it");
    await refuses(2, set(third.slice(0, 9)), `--commit ${third}`);
  });

  test("fails if another image hides behind the tag", async () => {
    await pushByHand(service, first, third, { [imageLabels.revision]: first, [imageLabels.service]: "frontend" });
    await refuses(1, set(first), `image label ${imageLabels.service}: expected ${service}, found frontend`);
    await forgetTag(service, first);
  });

  test("fails if such an image is shown as the newest that could be pinned", async () => {
    await pushByHand(service, third, second, { [imageLabels.revision]: third, [imageLabels.service]: "frontend" });
    const { json } = await pinJson(["show", service, "--env", "prod"]);
    expect(json.pins[0].newestPublished).toMatchObject({
      ...{ commit: third, deployable: false },
      refusals: [expect.stringContaining(`expected ${service}, found frontend`)],
    });
    expect((await pin(["show", service])).stdout).toContain(`newest, not deployable: ${service}: image label`);
    await forgetTag(service, third);
    digests[third] = (await site.publish(service, third)).digest ?? "";
  });

  test("fails if the repository cannot be seen", async () => {
    const before = readFileSync(file, "utf8");
    const hosts: RunOptions["hosts"] = ({ d601 }) => {
      d601.git = { "https://github.com/pikasTech/unidesk": "/home/ubuntu/git/gone.git" };
    };
    const unseen = await pinJson(set(third), { hosts });
    expect(unseen).toMatchObject({ exitCode: 3, json: { ok: false, decision: "infra-blocked" } });
    expect(JSON.stringify(unseen.json)).toContain("/home/ubuntu/git/gone.git");
    expect(readFileSync(file, "utf8")).toBe(before);
  });

  test("fails if one of many is refused and others are written", () =>
    refuses(1, ["set", "--all", "--env", "prod", "--commit", first], "nothing was written", `${service}: artifact`));
});

test("publish, pin set, deploy, pin rollback, deploy: each step changes only the pin's lines", async () => {
  await deployedBefore(second, 1);
  const wanted = await pinJson(set(third));
  expect(wanted).toMatchObject({
    exitCode: 0,
    json: {
      ok: true,
      changed: true,
      pins: [
        { service, commit: third, digest: digests[third], digestSource: "registry", relation: "forward", ahead: 1 },
      ],
    },
  });
  expect(await changedLines()).toEqual([
    `-"commit": "${second}"`,
    `+"commit": "${third}",`,
    `+"digest": "${digests[third]}"`,
  ]);
  await keep();
  expect(await pinJson(set(third))).toMatchObject({ exitCode: 0, json: { changed: false } });
  expect(await changedLines()).toEqual([]);
  expect(await namedRollbacks()).toEqual([second, second]);
  await deploy();

  // A new pin needs the registry; a rollback does not, because the history has the digest.
  const back = await withRegistryStopped(async () => {
    expect((await pin(set(second))).exitCode).toBe(3);
    return pin(rollback);
  });
  expect(back.output).toContain("the registry is not reachable");
  expect(back.exitCode).toBe(0);
  expect(await changedLines()).toEqual([
    `-"commit": "${third}",`,
    `-"digest": "${digests[third]}"`,
    `+"commit": "${second}",`,
    `+"digest": "${digests[second]}",`,
    `+"rollback": "rolls back from ${third}"`,
  ]);
  await keep();
  // Not what is live now: a rollback never goes forward to what it left.
  expect(await namedRollbacks()).toEqual([null, null]);
  await deploy();
  const { exitCode, json } = await pinJson(["show", service, "--env", "prod"]);
  expect(exitCode).toBe(0);
  expect(json.pins).toEqual([
    {
      service,
      environment: "prod",
      decision: "deployable",
      pinned: { commit: second, digest: digests[second], rollback: `rolls back from ${third}` },
      live: { state: "healthy", commit: second },
      newestPublished: { state: "known", commit: third, releaseLine: "master", deployable: true, refusals: [] },
      behind: { releaseLine: "master", commits: 1 },
      relation: "same",
      ahead: 0,
      behindLive: 0,
    },
  ]);

  // Not back to what was just left.
  const again = await pin(rollback);
  expect(again.output).toContain("no healthy commit before");
  expect(again.exitCode).toBe(1);
  expect(pinned().commit).toBe(second);

  await pin(set(second));
  expect(await changedLines()).toEqual([
    `-"digest": "${digests[second]}",`,
    `-"rollback": "rolls back from ${third}"`,
    `+"digest": "${digests[second]}"`,
  ]);
}, 400_000);

test("--all pins what has the commit and names the rest", async () => {
  const pins = { [service]: { commit: second }, "todo-note": { commit: labCommits.todoNote.second } };
  const two = join(folder, "two.json");
  writeFileSync(two, `{"version":1,"environments":{"prod":${JSON.stringify(pins)}}}`);
  const env = { UNIDESK_DEPLOY_FILE: two };
  const { exitCode, output } = await site.unidesk(["pin", "set", "--all", "--env", "prod", "--commit", third], { env });
  expect(output).toContain("todo-note: left out: https://gitee.com/Lyon1998/todo_note has no such commit");
  expect(exitCode).toBe(0);
  const changed = { ...pins, [service]: { commit: third, digest: digests[third] } };
  expect(readFileSync(two, "utf8")).toBe(`{"version":1,"environments":{"prod":${JSON.stringify(changed)}}}`);
});

test("fails if a host that is down is guessed about", async () => {
  const hosts: RunOptions["hosts"] = ({ d601, "main-server": mainServer }) => {
    d601.port = 1;
    mainServer.port = 1;
  };
  const { exitCode, json } = await pinJson(["show", service, "--env", "prod"], { hosts });
  expect(exitCode).toBe(3);
  expect(json).toMatchObject({ ok: false, decision: "infra-blocked" });
  expect(json.missingChannels).toEqual(expect.arrayContaining(["d601:ssh", "main-server:ssh"]));
  expect(json.pins).toMatchObject([
    {
      live: { state: "unknown", commit: null },
      newestPublished: { state: "unknown", commit: null },
      behind: null,
      relation: "unknown",
    },
  ]);
  expect(await pin(rollback, { hosts })).toMatchObject({ exitCode: 3 });
});
