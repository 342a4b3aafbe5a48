import { afterEach, expect, test } from "vitest";
import { labExec } from "../../lab/index.ts";
import { containerFacts } from "../lab-support.ts";
import {
  compose,
  container,
  deployment,
  frontendFacts,
  isPending,
  liveCommit,
  newer,
  older,
  root,
  useFrontend,
} from "./support.ts";

// A project that somebody else brought up, by other names or from more files than the hosts name.
const { steps } = useFrontend([older, newer]);
const deploy = (commit: string) => steps.pass("compose-deployment", deployment(commit), ["main-server"]);
const recreate = "up -d --no-deps --pull never --force-recreate frontend";
const override = `${root}/docker-compose.override.yml`;
const composeFile = `${root}/docker-compose.yml`;

const putBack = () =>
  labExec(
    "main-server",
    `rm -f ${override}; if [ -f /root/compose.bak ]; then cat /root/compose.bak > ${composeFile}; rm /root/compose.bak; fi`,
  );
afterEach(async () => {
  await putBack();
  await labExec("main-server", `docker rm -f ${container}-1 2>/dev/null || true`);
});

/** A deployment that is refused, and changes nothing. */
async function refusal(): Promise<string> {
  const before = await frontendFacts();
  const output = await steps.fail("compose-deployment", deployment(newer), ["main-server"]);
  expect(await frontendFacts()).toEqual(before);
  expect(await isPending()).toBe(false);
  return output;
}

test("fails if the service's container has another name; it runs on", async () => {
  await deploy(older);
  await labExec("main-server", `docker rename ${container} ${container}-1`);
  const facts = await containerFacts("main-server", `${container}-1`);
  const output = await refusal();
  expect(output).toContain(`found: ${container}-1 | allowed: one container, named ${container} | remedy: `);
  expect(await containerFacts("main-server", `${container}-1`)).toEqual(facts);
  expect(await liveCommit(`${container}-1`)).toBe(older);
  await labExec("main-server", `docker rename ${container}-1 ${container}`);
});

test("fails if its container was made from another Compose file too", async () => {
  await deploy(older);
  await labExec(
    "main-server",
    `printf 'services:\\n  frontend:\\n    environment:\\n      BY_HAND: "1"\\n' > ${override}`,
  );
  await compose(`-f ${override} ${recreate}`);
  expect(await refusal()).toContain(
    `found: ${override} | allowed: ${composeFile} | remedy: in cdktf.json name them all`,
  );
  // It is declared now.
  const both = deployment(newer, { file: `docker-compose.yml\n${override}` });
  await steps.pass("compose-deployment", both, ["main-server"]);
  expect(await labExec("main-server", `docker inspect -f '{{.Config.Env}}' ${container}`)).toContain("BY_HAND=1");
  await compose(recreate);
});

test("fails if its container keeps data in a volume that the new one would not get, and the data stays", async () => {
  await deploy(older);
  await labExec(
    "main-server",
    `cp ${composeFile} /root/compose.bak; sed -i 's/^    container_name: ${container}$/&\\n    volumes: ["\\/data"]/' ${composeFile}`,
  );
  try {
    await compose(recreate);
    await labExec("main-server", `docker exec ${container} sh -c 'echo kept > /data/file'`);
    const data = () => labExec("main-server", `docker exec ${container} cat /data/file`);
    // The project has the place, so that a recreate hands the volume on.
    await deploy(newer);
    expect(await data()).toBe("kept");
    for (const change of [
      `sed -i 's/"\\/data"/"elsewhere:\\/data"/; $a volumes: {elsewhere: {}}'`,
      "sed -i '/\\/data\"/d'",
    ]) {
      await labExec("main-server", `${change} ${composeFile}`);
      const before = await frontendFacts();
      const output = await steps.fail("compose-deployment", deployment(older), ["main-server"]);
      expect(output).toContain(`nothing was changed: ${container} keeps data in an unnamed volume, and the new one`);
      expect(output).toContain("found: a volume at /data;");
      expect(await frontendFacts()).toEqual(before);
      expect(await data()).toBe("kept");
    }
  } finally {
    await labExec("main-server", `docker rm -fv ${container}`);
  }
});

test("a service with a profile is deployed", async () => {
  await deploy(older);
  await labExec(
    "main-server",
    `cp ${composeFile} /root/compose.bak; sed -i 's/^    container_name: ${container}$/&\\n    profiles: [extra]/' ${composeFile}`,
  );
  expect(await labExec("main-server", `grep -c profiles ${composeFile}`)).toBe("1");
  await deploy(newer);
  expect(await liveCommit()).toBe(newer);
  // What was recorded of that Compose file would be news to whoever looks later.
  await putBack();
  await deploy(older);
});
