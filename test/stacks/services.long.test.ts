import { beforeAll, describe, expect, test } from "vitest";
import { labCommits, labExec } from "../../lab/index.ts";
import type { ComposeRuntime } from "../../lib/catalog/index.ts";
import { isComposePin, isK3sPin, type Pin } from "../../lib/config/deploy-file.ts";
import {
  type ContainerFacts,
  containerFacts,
  d601Stack,
  forgetTag,
  mainServerStack,
  prodPins,
  useLabSite,
  withRegistryStopped,
} from "../lab-support.ts";

const site = useLabSite();
const both = `${mainServerStack} ${d601Stack}`;
const { unidesk, todoNote } = labCommits;
let services: readonly Pin<ComposeRuntime>[] = [];

/** Every service of the checkout at one of the older commits. */
const older = () =>
  Object.fromEntries(
    services.map(({ service }) => [service, { commit: service === "todo-note" ? todoNote.first : unidesk.first }]),
  );

beforeAll(async () => {
  services = site.pins().filter(isComposePin);
  await site.restore();
  await site.publishMissing(Object.entries(older()).map(([service, { commit }]) => ({ service, commit })));
}, 400_000);

/** Containers of all services, by service. */
async function containers(): Promise<Record<string, ContainerFacts | undefined>> {
  const found = services.map(async ({ service, consumer }) => {
    return [service, await containerFacts(consumer.runtime.host, consumer.runtime.container)] as const;
  });
  return Object.fromEntries(await Promise.all(found));
}

/** Commit label of the image that each service's container runs, by service. */
async function liveCommits(): Promise<Record<string, string>> {
  const label = '{{index .Config.Labels "org.opencontainers.image.revision"}}';
  const found = services.map(async ({ service, consumer: { runtime } }) => {
    const script = `docker image inspect -f '${label}' $(docker inspect -f '{{.Image}}' ${runtime.container})`;
    return [service, (await labExec(runtime.host, script)).trim()] as const;
  });
  return Object.fromEntries(await Promise.all(found));
}

function commitsOf(pins: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(pins).map(([service, pin]) => [service, (pin as { commit: string }).commit]),
  );
}

/** Every Compose service as the checkout pins it; those on k3s have tests of their own. */
const pinned = (changes: Readonly<Record<string, unknown>> = {}) =>
  prodPins({ ...Object.fromEntries(k3sServices().map((service) => [service, undefined])), ...changes });
const k3sServices = () =>
  site
    .pins()
    .filter((pin) => isK3sPin(pin) && pin.environment === "prod")
    .map(({ service }) => service);
const pinnedCommits = () => Object.fromEntries(services.map(({ service, commit }) => [service, commit]));

test("every service: to the older pins, to the pinned ones, and back while the registry is down", {
  timeout: 400_000,
}, async () => {
  await site.deploy(both, { pins: older(), cli: true });
  expect(await liveCommits()).toEqual(commitsOf(older()));
  const output = await site.deploy(both, { pins: pinned(), cli: true });
  for (const { service, commit } of services) expect(output).toContain(`${service} is live at ${commit}`);
  expect(await liveCommits()).toEqual(pinnedCommits());
  for (const stack of [mainServerStack, d601Stack]) {
    expect(await site.diff(stack, { pins: pinned(), cli: true })).toContain("No changes.");
  }

  const back = await withRegistryStopped(() => site.deploy(both, { pins: older() }));
  expect(back).toContain("the registry is not reachable");
  expect(await liveCommits()).toEqual(commitsOf(older()));
  await site.deploy(both, { pins: pinned() });
});

test("an empty state on healthy hosts changes no container", async () => {
  await site.deploy(both, { pins: pinned() });
  const before = await containers();
  site.removeState();
  expect(await site.deploy(both, { pins: pinned() })).toContain("already deployed; verifying");
  expect(await containers()).toEqual(before);
  for (const stack of [mainServerStack, d601Stack])
    expect(await site.diff(stack, { pins: pinned() })).toContain("No changes.");
});

test("a new pin recreates one service and no neighbour", async () => {
  await site.deploy(both, { pins: pinned() });
  const { "oa-event-flow": oaBefore, ...neighbours } = await containers();
  await site.deploy(mainServerStack, { pins: pinned({ "oa-event-flow": { commit: unidesk.first } }) });
  const { "oa-event-flow": oaAfter, ...untouched } = await containers();
  expect(untouched).toEqual(neighbours);
  expect(oaAfter?.id).not.toBe(oaBefore?.id);
});

describe("d601", () => {
  test("its containers carry the deploy labels, and its image is Terraform's own", async () => {
    await site.deploy(d601Stack, { pins: pinned() });
    const labels = JSON.parse(
      await labExec("d601", "docker inspect -f '{{json .Config.Labels}}' findjob-backend"),
    ) as Record<string, string>;
    expect(labels).toMatchObject({
      "dev.unidesk.deploy.service": "findjob",
      "dev.unidesk.deploy.commit": unidesk.second,
      "dev.unidesk.deploy.requested-commit": unidesk.second,
      "dev.unidesk.deploy.digest": expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    });
  });

  test("the registry's name of an image, removed by hand, is in the diff and comes back; no container changes", async () => {
    await site.deploy(d601Stack, { pins: pinned() });
    const before = await containers();
    await labExec("d601", `docker rmi 127.0.0.1:5000/unidesk/findjob:${unidesk.second}`);
    const diff = await site.diff(d601Stack, { pins: pinned() });
    expect(diff).toMatch(/docker_image\.findjob-image .*will be created/);
    await site.deploy(d601Stack, { pins: pinned() });
    expect(await containers()).toEqual(before);
    expect(await site.diff(d601Stack, { pins: pinned() })).toContain("No changes.");
  });
});

test("fails before anything of the stack changes if one artifact is missing", async () => {
  await site.deploy(mainServerStack, { pins: pinned() });
  const before = await containers();
  const missing = "4".repeat(40);
  await forgetTag("oa-event-flow", missing);
  const pins = pinned({ "oa-event-flow": { commit: missing }, "project-manager": { commit: unidesk.first } });
  const output = await site.failDeploy(mainServerStack, { pins });
  expect(output).toContain("oa-event-flow: artifact: expected a manifest under the commit tag, found none");
  expect(await containers()).toEqual(before);
});

test("a pin that is taken out stops nothing, and comes back without a change", async () => {
  await site.deploy(both, { pins: pinned() });
  const before = await containers();
  const pins = pinned({ "oa-event-flow": undefined, findjob: undefined });
  const diff = await site.diff(mainServerStack, { pins });
  expect(diff).toMatch(/oa-event-flow-deployment will no longer be managed/);
  expect(diff).toContain("0 to destroy");
  await site.deploy(both, { pins });
  expect(await containers()).toEqual(before);
  // The last pins too: a stack that holds nothing any more still forgets.
  await site.deploy(d601Stack, { pins: {} });
  expect(await containers()).toEqual(before);
  await site.deploy(both, { pins: pinned() });
  expect(await containers()).toEqual(before);
});

test("two applies from two checkouts at once: both end, one waited, and what is live is whole", async () => {
  const pins = ["first", "second"] as const;
  const runs = pins.map((name) => {
    const all = pinned({ "oa-event-flow": { commit: unidesk[name] }, "project-manager": { commit: unidesk[name] } });
    return site.deploy(mainServerStack, { pins: all, state: `both-${name}` });
  });
  await Promise.allSettled(runs);
  await site.deploy(both, { pins: pinned() });
  expect(await liveCommits()).toEqual(pinnedCommits());
  expect(await site.diff(mainServerStack, { pins: pinned() })).toContain("No changes.");
});
