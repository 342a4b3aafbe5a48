import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { labCommits, labExec } from "../../lab/index.ts";
import type { Pin } from "../../lib/config/deploy-file.ts";
import { loadPins, loadSite } from "../../lib/config/site.ts";
import type { Environment } from "../../lib/config/values.ts";
import { historyFunctions } from "../../lib/history/append.ts";
import { hostPaths } from "../../lib/host-paths.ts";
import { mustRun } from "../../lib/ssh/script.ts";
import { stackName } from "../../lib/stack-names.ts";
import { checkout, home, LabSite, type RunOptions, registryStack } from "../lab-support.ts";

// Every service that an apply deploys without a person. What is supervised wants a signature for each commit;
// test/gates deploys that.
const site = new LabSite();
const hosts = ["d601", "main-server"] as const;
const { history } = hostPaths({ home });
const putBack = `[ ! -e ${history}.aside ] || { rm -rf ${history}; mv ${history}.aside ${history}; }`;
const { second, third } = labCommits.unidesk;
const note = labCommits.todoNote;
let folder: string;
let file: string;
let options: RunOptions;
let stacks: string;

beforeAll(async () => {
  await site.open();
  folder = join(site.folder, "flow");
  file = join(folder, "deploy.json");
  options = { env: { UNIDESK_DEPLOY_FILE: file } };
  await execa("git", ["init", "--quiet", folder]);
  writeFileSync(file, withoutSupervised());
  await keep();
  stacks = [...new Set(applied().map(stackOf))].join(" ");
  await site.deploy(registryStack);
  await site.publishMissing(pins());
  await site.deploy(stacks, options);
  // A history that earlier runs cannot reach into: that what runs now was deployed.
  for (const host of hosts) {
    await labExec(host, putBack);
    await labExec(host, `[ ! -e ${history} ] || mv ${history} ${history}.aside`);
  }
  await Promise.all(applied().map(deployedBefore));
}, 400_000);

afterAll(async () => {
  try {
    await site.restore();
  } finally {
    for (const host of hosts) await labExec(host, putBack);
    await site.close();
  }
});

function withoutSupervised(): string {
  const content = JSON.parse(readFileSync(join(checkout, "deploy.json"), "utf8"));
  delete content.environments.prod["code-queue-mgr"];
  delete content.environments.dev["code-queue"];
  return `${JSON.stringify(content, null, 2)}\n`;
}

function pins(environment?: Environment): Pin[] {
  const all = loadPins(loadSite(checkout, { UNIDESK_HOSTS: site.hostsFile(), UNIDESK_DEPLOY_FILE: file }));
  return all.filter((pin) => environment === undefined || pin.environment === environment);
}

const applied = () => pins().filter(({ consumer }) => !consumer.planOnly);
const stackOf = ({ service, environment, consumer }: Pin) => stackName(service, environment, consumer);
const isNote = ({ service }: Pick<Pin, "service">) => service === "todo-note";

/** A deployment of the past, written as the host writes it. */
async function deployedBefore(pin: Pin): Promise<void> {
  const { service, commit, environment, consumer } = pin;
  const time = "2026-01-01T00:01:00Z";
  const line = {
    ...{ id: `before-${environment}-${service}`, service, stack: stackOf(pin), commit },
    ...{ startedAt: time, finishedAt: time, result: "deployed", operator: "lab@lab", fingerprint: "lab" },
  };
  const args = [`${history}/${service}.jsonl`, JSON.stringify(line)];
  const host = site.connection(consumer.runtime.host);
  await mustRun(host, "write the history", `${historyFunctions}\nappend_history "$@"`, args);
}

async function git(...args: readonly string[]): Promise<string> {
  const person = ["-c", "user.name=Wei", "-c", "user.email=wei@unidesk.example"];
  return (await execa("git", ["-C", folder, ...person, ...args])).stdout;
}

async function keep(): Promise<void> {
  await git("add", "deploy.json");
  await git("commit", "--quiet", "-m", "pins");
}

/** Changed lines of the pins file in their order, without their indentation. */
async function changedLines(): Promise<string[]> {
  const changed = (await git("diff", "--unified=0")).split("\n").filter((line) => /^[+-] /.test(line));
  return changed.map((line) => line.replace(/\s+/, ""));
}

async function unidesk(...args: readonly string[]): Promise<string> {
  const { exitCode, output } = await site.unidesk(args, options);
  expect(exitCode, output).toBe(0);
  return output;
}

async function live(): Promise<Record<string, string>> {
  const { stdout } = await site.unidesk(["pin", "show", "--json"], options);
  const shown = JSON.parse(stdout).pins as (Pin & { live: { state: string; commit: string } })[];
  const deployed = shown.filter(({ service, environment }) =>
    applied().some((pin) => pin.service === service && pin.environment === environment),
  );
  return Object.fromEntries(
    deployed.map(({ service, environment, live: { state, commit } }) => [
      `${environment}/${service}`,
      `${state} ${commit}`,
    ]),
  );
}

const healthy = () =>
  Object.fromEntries(
    applied().map(({ service, environment, commit }) => [`${environment}/${service}`, `healthy ${commit}`]),
  );

test("publish, pin set, diff, deploy, pin rollback, deploy: by commands alone, and each changes its pins' lines", async () => {
  const before = pins();
  await unidesk("artifact", "publish", "--all", "--commit", third, "--jobs", "4");
  await unidesk("artifact", "publish", "--service", "todo-note", "--commit", note.third);

  for (const environment of ["prod", "dev"] as const) {
    await unidesk("pin", "set", "--all", "--env", environment, "--commit", third);
    if (environment === "prod") await unidesk("pin", "set", "todo-note", "--env", environment, "--commit", note.third);
    expect(await changedLines()).toEqual(
      pins(environment).flatMap((pin) => [
        `-"commit": "${isNote(pin) ? note.second : second}"`,
        `+"commit": "${isNote(pin) ? note.third : third}",`,
        `+"digest": "${pin.digest}"`,
      ]),
    );
    await keep();
  }
  const diff = await site.diff(stacks, options);
  for (const pin of applied()) {
    const old = before.find(({ service, environment }) => service === pin.service && environment === pin.environment);
    expect(diff).toContain(pin.service);
    expect(diff).toContain(`"${old?.commit}" -> "${pin.commit}"`);
  }
  await site.deploy(stacks, options);
  expect(await live()).toEqual(healthy());

  const set = pins();
  for (const environment of ["prod", "dev"] as const) {
    await unidesk("pin", "rollback", "--all", "--env", environment);
    const back = pins(environment).filter(({ consumer }) => !consumer.planOnly);
    expect(await changedLines()).toEqual(
      back.flatMap((pin) => {
        const left = set.find(({ service, environment: other }) => service === pin.service && other === environment);
        return [
          `-"commit": "${left?.commit}",`,
          `-"digest": "${left?.digest}"`,
          `+"commit": "${isNote(pin) ? note.second : second}",`,
          `+"digest": "${pin.digest}",`,
          `+"rollback": "rolls back from ${left?.commit}"`,
        ];
      }),
    );
    await keep();
  }
  await site.deploy(stacks, options);
  expect(await live()).toEqual(healthy());
}, 600_000);
