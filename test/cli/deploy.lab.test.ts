import { afterAll, beforeAll, expect, test } from "vitest";
import { labExec } from "../../lab/index.ts";
import type { DeployPlan } from "../../lib/deploy-plan/schema.ts";
import { home, LabSite, lines } from "../lab-support.ts";
import { commitA, commitB } from "../support.ts";

// Nothing is deployed here, so there is nothing to restore but the two files. What other files deployed is no part of the
// history meanwhile: a pinned commit that ran before would be gone back from, not to these.
const site = new LabSite();
const envFile = `${home}/unidesk/.state/compose.env`;
const history = `${home}/.unidesk/deploy-history/baidu-netdisk.jsonl`;
const service = "baidu-netdisk";
const keys = ["CLIENT_ID", "CLIENT_SECRET", "TOKEN_KEY"].map((name) => `UNIDESK_BAIDU_NETDISK_${name}`);

const entry = (commit: string, finishedAt: string) =>
  JSON.stringify({
    ...{ id: "test", service, stack: "unidesk-prod-main-server", commit, result: "deployed", operator: "a@b" },
    ...{ startedAt: finishedAt, finishedAt, fingerprint: "x" },
  });

beforeAll(async () => {
  await site.open();
  await labExec(
    "main-server",
    `cp -p ${envFile} /root/env; runuser -u ubuntu -- mkdir -p ${home}/.unidesk/deploy-history; runuser -u ubuntu -- touch ${history}; cp -p ${history} /root/history
     printf '%s\\n' '${entry(commitA, "2125-01-01T00:00:00Z")}' '${entry(commitB, "2125-01-02T00:00:00Z")}' > ${history}`,
  );
});
afterAll(async () => {
  await labExec(
    "main-server",
    `[ ! -f /root/env ] || { cat /root/env > ${envFile}; rm /root/env; }; [ ! -f /root/history ] || { cat /root/history > ${history}; rm /root/history; }`,
  );
  await site.close();
});

async function plan(...args: string[]): Promise<DeployPlan> {
  const { exitCode, stdout } = await site.unidesk(["deploy", "plan", "--service", service, ...args, "--json"]);
  expect(exitCode).toBe(0);
  return JSON.parse(stdout) as DeployPlan;
}

/** What a plan could have changed on main-server. */
const state = () =>
  labExec(
    "main-server",
    `docker ps -aq --no-trunc | sort; docker images -q | sort; sha256sum ${envFile} ${history}; find ${home}/.unidesk ${home}/unidesk | sort`,
  );

test("secrets of the real env file as presence and length, the previous commit of the real history, and nothing changed", async () => {
  const before = await state();
  const { records, warnings } = await plan();
  expect(warnings).toEqual([]);
  expect(records.map(({ environment, decision }) => [environment, decision])).toEqual([
    ["prod", "deployable"],
    ["dev", "plan-only"],
  ]);
  const values = new Map(
    lines(await labExec("main-server", `grep -E '^UNIDESK_BAIDU_NETDISK_(CLIENT|TOKEN)' ${envFile}`)).map((line) => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
  for (const { runtimeSecrets } of records) {
    expect(runtimeSecrets).toMatchObject({
      requiredSecretsPresent: true,
      missingSecretKeys: [],
      recommendedAction: "none",
    });
    expect(runtimeSecrets?.secrets).toEqual(
      keys.map((key) => ({ key, present: true, length: values.get(key)?.length })),
    );
  }
  expect(records[0]?.rollback.previousCommit).toBe(commitB);
  for (const value of values.values()) expect(site.printed.join("")).not.toContain(value);
  expect(await state()).toBe(before);
});

test("what is live is not what one goes back to", async () => {
  const { records } = await plan("--env", "prod", "--commit", commitB);
  expect(records).toMatchObject([{ commit: commitB, rollback: { previousCommit: commitA, reason: null } }]);
});

test("fails to be complete if a key is gone from the env file", async () => {
  await labExec("main-server", `sed -i '/^${keys[1]}=/d' ${envFile}`);
  const [record] = (await plan("--env", "prod")).records;
  expect(record?.runtimeSecrets).toMatchObject({
    requiredSecretsPresent: false,
    missingSecretKeys: [keys[1]],
    recommendedAction: `add ${keys[1]} to the controlled env file on main-server; an apply is refused until then`,
  });
});

test("an env file that cannot be read is said, and the rest is planned", async () => {
  await labExec("main-server", `mv ${envFile} ${envFile}.away`);
  try {
    const [record] = (await plan("--env", "prod")).records;
    expect(record?.runtimeSecrets).toMatchObject({
      requiredSecretsPresent: null,
      secrets: null,
      recommendedAction: "make the controlled env file on main-server readable, then plan again",
    });
    expect(record?.decision).toBe("deployable");
  } finally {
    await labExec("main-server", `mv ${envFile}.away ${envFile}`);
  }
});
