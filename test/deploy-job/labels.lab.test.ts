import { afterAll, beforeAll, expect, test } from "vitest";
import { labExec } from "../../lab/index.ts";
import type { ComposeTarget } from "../../lib/compose/target.ts";
import { deployLabels } from "../../lib/labels.ts";
import { StepRunner } from "../lab-steps.ts";
import { containerFacts, fileOn, home, LabSite, registryStack, registryStatus } from "../lab-support.ts";
import { composeTarget } from "../support.ts";
import { newer, older } from "./support.ts";

const site = new LabSite();
const steps = new StepRunner(site);
const name = "unidesk-test-labels";
const root = `${home}/${name}`;
const envFile = `${root}/.env.controlled`;
const image = "127.0.0.1:5000/unidesk/findjob";

/** findjob in a project of the test's own on D601, whose containers carry labels. */
const target: ComposeTarget = composeTarget({
  host: "d601",
  container: name,
  composeService: "findjob-labels",
  stableImage: name,
  project: name,
  root,
  envFile: { path: envFile },
  health: { port: 8080, path: "/health", deadlineSeconds: 60, commitFrom: "reply" },
  deployLabels: true,
});
const spec = (commit: string, changes: Partial<ComposeTarget> = {}) => ({
  artifact: { service: "findjob", repository: "unidesk/findjob", commit },
  target: { ...target, ...changes },
});
const deploy = (commit: string) => steps.pass("compose-deployment", spec(commit), ["d601"]);
/** All but the digest, which is there only where some delivery recorded one for this image. */
const labels = async () => {
  const text = await labExec("d601", ["docker", "inspect", "-f", "{{json .Config.Labels}}", name]);
  const { service, commit, requestedCommit } = deployLabels;
  return [service, commit, requestedCommit].map((key) => (JSON.parse(text) as Record<string, string>)[key]);
};

beforeAll(async () => {
  await site.open();
  if ((await registryStatus()) !== "200") await site.deploy(registryStack);
  const project = `services:
  findjob-labels:
    container_name: ${name}
    image: ${name}
    environment:
      UNIDESK_FINDJOB_DEPLOY_REQUESTED_COMMIT: "\${UNIDESK_FINDJOB_DEPLOY_REQUESTED_COMMIT:-}"
`;
  const script = 'mkdir -p "$1"; cat > "$1/docker-compose.yml"; echo A=1 > "$2"; chown -R ubuntu: "$1"';
  await labExec("d601", ["sh", "-ceu", script, "project", root, envFile], { input: project });
  for (const commit of [older, newer]) {
    await site.publish("findjob", commit);
    await labExec("d601", `docker pull -q ${image}:${commit}; docker tag ${image}:${commit} ${name}:${commit}`);
  }
});
afterAll(async () => {
  await labExec(
    "d601",
    `docker rm -f ${name}; docker network rm ${name}_default; docker images --format '{{.Repository}}:{{.Tag}}' ${name} | xargs -r docker rmi; rm -rf ${root} ${home}/.unidesk/deploy-jobs/${name}`,
  );
  await site.close();
});

test("a deployment labels its container, and a container without the labels is recreated", async () => {
  await deploy(older);
  expect(await labels()).toEqual(["findjob", older, older]);
  const labelled = await containerFacts("d601", name);
  expect(await deploy(older)).toContain("already deployed; verifying");
  expect(await containerFacts("d601", name)).toEqual(labelled);

  const byHand = `docker compose --project-name ${name} --env-file ${envFile} up -d --force-recreate findjob-labels`;
  await labExec("d601", `cd ${root}; ${byHand}`, { user: "ubuntu" });
  expect(await labels()).toEqual([undefined, undefined, undefined]);
  expect(await deploy(older)).toContain("recreated; verifying");
  expect(await labels()).toEqual(["findjob", older, older]);
});

test("a restore puts the previous labels back", async () => {
  await deploy(older);
  const { bytes } = await fileOn("d601", envFile);
  const nobodyListens = { health: { ...target.health, port: 9, deadlineSeconds: 2 } };
  const output = await steps.fail("compose-deployment", spec(newer, nobodyListens), ["d601"]);
  expect(output).toContain("findjob: health: expected an answer");
  expect(output).toContain(`the previous commit ${older} is back; it did not answer before`);
  expect(await labels()).toEqual(["findjob", older, older]);
  expect((await fileOn("d601", envFile)).bytes).toBe(bytes);
});
