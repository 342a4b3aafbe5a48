import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HostName, labCommits, labExec } from "../../lab/index.ts";
import { Receipt } from "../../lib/review/receipt.ts";
import { containerFacts, home } from "../lab-support.ts";
import { readJson, sentBytes } from "../review/lab.ts";
import { bot, type Ended } from "./forge.ts";
import { movedPins, PullRequestLab } from "./pull-request.ts";

const { second, third } = labCommits.unidesk;
const names = Object.keys(movedPins);
const job = new PullRequestLab("pull-request");
beforeAll(() => job.open(), 400_000);
afterAll(() => job.close());

const labelOf = (host: HostName, container: string) =>
  labExec(host, [
    "docker",
    "inspect",
    "--format",
    '{{index .Config.Labels "org.opencontainers.image.revision"}}',
    container,
  ]);

/** The commits that run, as the hosts themselves say it. */
async function live() {
  const health = "/api/v1/namespaces/unidesk/services/mdtodo:8080/proxy/health";
  const [frontend, findjob, mdtodo] = await Promise.all([
    labelOf("main-server", "unidesk-frontend"),
    labelOf("d601", "findjob-backend"),
    labExec("d601", ["k3s", "kubectl", "get", "--raw", health]),
  ]);
  const { deploy } = JSON.parse(mdtodo) as { deploy: { commit: string } };
  return { frontend: frontend.trim(), findjob: findjob.trim(), mdtodo: deploy.commit };
}
const all = (commit: string) => Object.fromEntries(names.map((name) => [name, commit]));

function succeeded({ exitCode, stdout, stderr }: Ended): string {
  expect(exitCode, `${stdout}\n${stderr}`).toBe(0);
  return stdout;
}

/** What a job was told; nothing of a key is left in its folder, nor in what it printed. */
function told({ stdout, stderr }: Ended): string {
  expect(readdirSync(job.left(".unidesk"))).not.toContain("ssh");
  expect(`${stdout}${stderr}`).not.toContain("PRIVATE KEY");
  return `${stdout}${stderr}`;
}

test("a pull request gets one comment, which every review brings up to date", async () => {
  await job.forgetImages();
  const head = job.propose(movedPins);
  expect(succeeded(await job.review())).toContain("posted the review to pull request 7");
  const first = job.comment();
  expect(job.forge.comments[0]?.user.login).toBe(bot);
  expect(first.body.split("\n").slice(0, 2)).toEqual(["<!-- unidesk-review -->", `<!-- unidesk-head: ${head} -->`]);
  expect(first.body).toContain("3 services change on 2 hosts");
  const rows = first.body.split("\n").filter((line) => line.includes("| ▲ deploy |"));
  expect(rows.map((row) => /prod\/([\w-]+)/.exec(row)?.[1]).sort()).toEqual([...names].sort());
  expect(first.fingerprint).toMatch(/^[0-9a-f]{128}$/);

  const again = await job.review();
  expect(succeeded(again)).toContain("updated the review of pull request 7");
  told(again);
  expect(job.comment()).toMatchObject({ id: first.id, fingerprint: first.fingerprint });
  expect(await live()).toEqual(all(second));
});

test("once merged, exactly that is applied, with the bytes that the comment said", async () => {
  const { fingerprint } = job.comment();
  const merged = job.merge();

  // The review's job ran in this folder a moment ago, and its connections are open still.
  const observing = await job.apply(merged, readFileSync(job.observingKey, "utf8"));
  expect(observing.exitCode).not.toBe(0);
  expect(told(observing)).toContain("this key can look and do nothing else");
  expect(told(observing)).toContain("nothing was changed");
  expect(await live()).toEqual(all(second));

  let applied: Ended | undefined;
  const sent = await sentBytes(async () => {
    applied = await job.apply(merged);
  });
  if (applied) succeeded(applied);
  expect(await live()).toEqual(all(third));

  const [file = ""] = readdirSync(job.left(".unidesk", "receipts")).filter((name) => name.endsWith(".json"));
  const receipt = Receipt.parse(readJson(job.left(".unidesk", "receipts", file)));
  expect(receipt).toMatchObject({ fingerprint, result: "applied", operator: "ann" });
  expect(receipt.services.map(({ service }) => service).sort()).toEqual([...names].sort());
  for (const { service, agrees, predicted, measured } of receipt.services) {
    expect(agrees, service).toBe(true);
    expect(predicted.bytes, service).toBeGreaterThan(0);
    // Terraform's Docker provider pulls on D601, and does not say how much.
    if (service === "findjob") expect(measured.bytes).toBeNull();
    for (const real of service === "findjob" ? [sent[service]] : [measured.bytes, sent[service]]) {
      const off = Math.abs((predicted.bytes ?? Number.NaN) / (real ?? Number.NaN) - 1);
      expect(off, `${service}: ${predicted.bytes} predicted, ${real} measured`).toBeLessThanOrEqual(0.02);
    }
  }
});

test("fails if somebody changed a container after the review, and changes nothing", async () => {
  const back = { commit: second, rollback: "a test" };
  job.propose(Object.fromEntries(names.map((name) => [name, back])));
  succeeded(await job.review());
  const merged = job.merge();
  const facts = () =>
    Promise.all([containerFacts("main-server", "unidesk-frontend"), containerFacts("d601", "findjob-backend")]);
  const before = await Promise.all([facts(), live()]);
  await labExec(
    "main-server",
    `cd ${home}/unidesk && docker compose -p unidesk --env-file .state/compose.env up -d --no-build --no-deps --pull never --force-recreate project-manager`,
  );
  const refused = await job.apply(merged);
  expect(refused.exitCode).toBe(1);
  expect(told(refused)).toMatch(/nothing was changed: what the hosts hold.* changed since the review/);
  expect(await Promise.all([facts(), live()])).toEqual(before);
});
