import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { labCommits, labExec } from "../../lab/index.ts";
import { containerFacts, expectOneError, home, mainServerStack, registryStack, useLabSite } from "../lab-support.ts";

const site = useLabSite();
const { first: older, second: newer } = labCommits.unidesk;
const root = `${home}/unidesk`;
const envFile = `${root}/.state/compose.env`;
const container = "baidu-netdisk-backend";
const pins = (commit: string) => ({ "baidu-netdisk": { commit } });
const remedy = "restore its keys in the controlled env file, recreate this one service, verify again";

beforeAll(async () => {
  await site.deploy(registryStack);
  await site.publishMissing([older, newer].map((commit) => ({ service: "baidu-netdisk", commit })));
});

describe("baidu-netdisk", () => {
  afterEach(async () => {
    for (const file of [envFile, `${root}/docker-compose.yml`]) {
      await labExec("main-server", `[ ! -e ${file}.test ] || { cat ${file}.test > ${file}; rm ${file}.test; }`);
    }
  });

  test("fails and touches nothing if the env file lacks a secret; shows names and lengths, never a value", async () => {
    await site.deploy(mainServerStack, { pins: pins(older) });
    const before = await containerFacts("main-server", container);
    await labExec(
      "main-server",
      `cp -p ${envFile} ${envFile}.test; sed -i '/^UNIDESK_BAIDU_NETDISK_TOKEN_KEY=/d' ${envFile}`,
    );
    const output = await site.failDeploy(mainServerStack, { pins: pins(newer) });
    expectOneError(
      output,
      "baidu-netdisk: secret UNIDESK_BAIDU_NETDISK_TOKEN_KEY: expected present, found missing",
      "UNIDESK_BAIDU_NETDISK_CLIENT_ID present, 64 characters",
      "UNIDESK_BAIDU_NETDISK_TOKEN_KEY missing",
      "restore the missing keys in the controlled env file of main-server, then apply again",
    );
    expect(await containerFacts("main-server", container)).toEqual(before);
  });

  test("fails and is put back if its health says that a secret did not reach it", async () => {
    await site.deploy(mainServerStack, { pins: pins(older) });
    const file = `${root}/docker-compose.yml`;
    await labExec("main-server", `cp -p ${file} ${file}.test; sed -i '/UNIDESK_BAIDU_NETDISK_TOKEN_KEY:/d' ${file}`);
    const output = await site.failDeploy(mainServerStack, { pins: pins(newer), healthDeadlineSeconds: 20 });
    expectOneError(
      output,
      "baidu-netdisk: gate /health auth.configured: expected true, found false",
      "baidu-netdisk: gate /health auth.tokenKeyConfigured: expected true, found false",
      "baidu-netdisk: gate /health auth.loggedIn: expected true, found false",
      remedy,
    );
    const label = '{{index .Config.Labels "org.opencontainers.image.revision"}}';
    expect(await labExec("main-server", `docker inspect -f '${label}' ${container}`)).toBe(older);
  });
});
