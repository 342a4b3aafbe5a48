import { beforeAll, expect, test } from "vitest";
import { labCommits, labExec } from "../../lab/index.ts";
import { d601Stack, devStack, expectOneError, livePods, registryStack, useLabSite } from "../lab-support.ts";

const site = useLabSite();
const { first: older, second: newer, crash } = labCommits.unidesk;
/** Every service is deployed in test/pins/flow; here a part of them is enough. */
const services = ["frontend", "mdtodo"];
const prodServices = ["mdtodo", "claudeqq"];
const pinsOf = (names: readonly string[], commit: string) =>
  Object.fromEntries(names.map((service) => [service, { commit }]));
const both = `${d601Stack} ${devStack}`;
const at = (commit: string) => ({ pins: pinsOf(prodServices, commit), devPins: pinsOf(services, commit) });
const dev = (commit: string, ...names: readonly string[]) => ({ pins: {}, devPins: pinsOf(names, commit) });

beforeAll(async () => {
  await site.deploy(registryStack);
  const names = ["backend-core", "frontend", "mdtodo", "claudeqq"];
  const wanted = names.flatMap((service) => [older, newer].map((commit) => ({ service, commit })));
  await site.publishMissing([...wanted, { service: "frontend", commit: crash }]);
}, 400_000);

/** Every pod of the project with its uid and image. */
const pods = async () => Object.fromEntries((await livePods()).map(({ name, ...pod }) => [name, pod]));
const commits = async () =>
  Object.fromEntries((await livePods()).map(({ name, image }) => [name, image.slice(image.lastIndexOf(":") + 1)]));
const everywhere = (commit: string) =>
  Object.fromEntries([
    ...prodServices.map((service) => [`unidesk/${service}`, commit]),
    ...services.map((service) => [`unidesk-dev/${service}-dev`, commit]),
  ]);

test("both environments: older, newer, empty second diffs, and back", {
  timeout: 700_000,
}, async () => {
  await site.deploy(both, at(older));
  expect(await commits()).toMatchObject(everywhere(older));
  const output = await site.deploy(both, { ...at(newer), cli: true });
  expect(output).toContain(`mdtodo`);
  expect(await commits()).toMatchObject(everywhere(newer));
  for (const stack of [d601Stack, devStack]) expect(await site.diff(stack, at(newer))).toContain("No changes.");
  await site.deploy(both, at(older));
  expect(await commits()).toMatchObject(everywhere(older));
});

test("an empty state on a healthy cluster imports what is there and changes no pod", { timeout: 400_000 }, async () => {
  await site.deploy(both, at(older));
  const before = await pods();
  site.removeState();
  const diff = await site.diff(devStack, at(older));
  expect(diff).toContain('(imported from "unidesk-dev/frontend-dev")');
  await site.deploy(both, at(older));
  expect(await pods()).toEqual(before);
  expect(await site.diff(devStack, at(older))).toContain("No changes.");
});

test("a crashing commit is rolled back, and the next diff shows the live one against the pin", {
  timeout: 400_000,
}, async () => {
  const good = dev(newer, "frontend", "mdtodo");
  await site.deploy(devStack, good);
  const pins = { ...good, devPins: { ...good.devPins, frontend: { commit: crash } } };
  const output = await site.failDeploy(devStack, { ...pins, healthDeadlineSeconds: 20 });
  expectOneError(output, "frontend", newer);
  expect(await commits()).toMatchObject({ "unidesk-dev/frontend-dev": newer, "unidesk-dev/mdtodo-dev": newer });
  expect(await site.diff(devStack, pins)).toContain(crash);
  await site.deploy(devStack, good);
  expect(await site.diff(devStack, good)).toContain("No changes.");
});

test("a live Deployment of another selector is left alone; the rest of the stack is diffed and deployed", {
  timeout: 400_000,
}, async () => {
  const names = ["frontend", "mdtodo", "claudeqq"];
  await site.deploy(devStack, dev(older, ...names));
  const kubectl = "k3s kubectl -n unidesk-dev";
  const selected = `jq '.spec.selector.matchLabels.tier = "web" | .spec.template.metadata.labels.tier = "web" | del(.metadata.resourceVersion, .metadata.uid, .status)'`;
  await labExec(
    "d601",
    `${kubectl} get deploy/mdtodo-dev -o json | ${selected} > /tmp/foreign.json && ${kubectl} delete deploy/mdtodo-dev --wait && ${kubectl} create -f /tmp/foreign.json && ${kubectl} rollout status deploy/mdtodo-dev --timeout=150s`,
    { timeoutMs: 220_000 },
  );
  const uid = () => labExec("d601", `${kubectl} get deploy/mdtodo-dev -o 'jsonpath={.metadata.uid}'`);
  const before = await uid();
  // A Service as it comes with such a Deployment: of the declared labels alone its pods might know none.
  await labExec("d601", `${kubectl} patch service/mdtodo-dev -p '{"spec":{"selector":{"tier":"web"}}}'`);
  const selects = () => labExec("d601", `${kubectl} get service/mdtodo-dev -o 'jsonpath={.spec.selector}'`);
  const diff = await site.diff(devStack, dev(newer, ...names));
  expect(diff).toContain("Deployment unidesk-dev/mdtodo-dev was left alone: it selects its pods by other labels");
  expect(diff).not.toMatch(/kubernetes_deployment\.\S+ .*(must be replaced|will be destroyed)/);
  const output = await site.failDeploy(devStack, dev(newer, ...names));
  expect(output).toMatch(/selects its pods by other labels[\s\S]*found: +app=mdtodo-dev, tier=web/);
  expect(await uid()).toBe(before);
  expect(JSON.parse(await selects())).toMatchObject({ tier: "web" });
  const { "unidesk-dev/mdtodo-dev": left, ...others } = await commits();
  expect(left).toBe(older);
  expect(others).toMatchObject({ "unidesk-dev/frontend-dev": newer, "unidesk-dev/claudeqq-dev": newer });
  // It stays so until somebody does what the remedy says, and stands in nobody else's way.
  expect(await site.diff(devStack, dev(newer, ...names))).toContain(
    "was left alone: it selects its pods by other labels",
  );
  // As the remedy says.
  await labExec("d601", `${kubectl} delete deployment mdtodo-dev --cascade=orphan`);
  await site.deploy(devStack, dev(newer, ...names));
  expect((await commits())["unidesk-dev/mdtodo-dev"]).toBe(newer);
  expect(JSON.parse(await selects())).toEqual({ app: "mdtodo-dev" });
  expect(await site.diff(devStack, dev(newer, ...names))).toContain("No changes.");
});

test("what no apply can take from pods, and what an autoscaler sets, stays in an apply and is named", {
  timeout: 500_000,
}, async () => {
  const kubectl = "k3s kubectl -n unidesk-dev";
  await site.deploy(devStack, dev(older, "mdtodo"));
  const image = (await livePods()).find(({ name }) => name === "unidesk-dev/mdtodo-dev")?.image;
  const initContainers = [{ name: "first", image, imagePullPolicy: "Never", command: ["sh", "-c", "true"] }];
  const hostAliases = [{ ip: "192.0.2.1", hostnames: ["other.example"] }];
  const patch = JSON.stringify({ spec: { template: { spec: { initContainers, hostAliases } } } });
  await labExec(
    "d601",
    `${kubectl} patch deployment/mdtodo-dev -p '${patch}' && ${kubectl} autoscale deployment/mdtodo-dev --min=2 --max=3 && ${kubectl} scale deployment/mdtodo-dev --replicas=2 && ${kubectl} rollout status deployment/mdtodo-dev --timeout=150s`,
    { timeoutMs: 180_000 },
  );
  const found = () =>
    labExec(
      "d601",
      `${kubectl} get deployment/mdtodo-dev -o json | jq -c '[.spec.replicas, (.spec.template.spec | .initContainers[0].name, .hostAliases[0].ip)]'`,
    );
  try {
    const diff = await site.diff(devStack, dev(older, "mdtodo"));
    expect(diff).toContain("No changes.");
    expect(diff).toContain("have initContainers, hostAliases, which no apply takes away; kubectl -n unidesk-dev patch");
    expect(diff).toContain("a HorizontalPodAutoscaler sets the replicas of Deployment unidesk-dev/mdtodo-dev");
    await site.deploy(devStack, dev(newer, "mdtodo"));
    expect(JSON.parse(await found())).toEqual([2, "first", "192.0.2.1"]);
    expect(await site.diff(devStack, dev(newer, "mdtodo"))).toContain("No changes.");
  } finally {
    const remove = JSON.stringify(
      ["initContainers", "hostAliases"].map((field) => ({ op: "remove", path: `/spec/template/spec/${field}` })),
    );
    await labExec(
      "d601",
      `${kubectl} delete hpa/mdtodo-dev && ${kubectl} patch deployment/mdtodo-dev --type=json -p '${remove}' && ${kubectl} rollout status deployment/mdtodo-dev --timeout=150s`,
      { timeoutMs: 180_000 },
    );
  }
  expect(await site.diff(devStack, dev(newer, "mdtodo"))).toMatch(/~ replicas += 2 -> 1/);
  await site.deploy(devStack, dev(newer, "mdtodo"));
});

test("drift in the cluster shows and converges in one apply", { timeout: 400_000 }, async () => {
  const pins = dev(newer, "backend-core", "mdtodo", "claudeqq");
  await site.deploy(devStack, pins);
  const kubectl = "k3s kubectl -n unidesk-dev";
  await labExec(
    "d601",
    `${kubectl} scale deploy/mdtodo-dev --replicas=2; ${kubectl} delete service/claudeqq-dev; ${kubectl} set env deploy/backend-core-dev UNIDESK_DEPLOY_COMMIT=by-hand`,
  );
  const diff = await site.diff(devStack, pins);
  expect(diff).toMatch(/kubernetes_deployment\.mdtodo-dev .*will be updated in-place/);
  expect(diff).toMatch(/kubernetes_service\.claudeqq-dev .*will be created/);
  expect(diff).toMatch(/kubernetes_deployment\.backend-core-dev .*will be updated in-place/);
  await site.deploy(devStack, pins);
  expect(await site.diff(devStack, pins)).toContain("No changes.");
});

test("a pin that is taken out deletes nothing", { timeout: 400_000 }, async () => {
  const pins = dev(newer, "mdtodo", "claudeqq");
  await site.deploy(devStack, pins);
  const before = await pods();
  const without = dev(newer, "claudeqq");
  expect(await site.diff(devStack, without)).toContain("0 to destroy");
  await site.deploy(devStack, without);
  expect(await pods()).toEqual(before);
  await site.deploy(devStack, pins);
  expect(await pods()).toEqual(before);
});

test("a wiped cluster comes back from a state that still knows it", { timeout: 400_000 }, async () => {
  const pins = dev(newer, "frontend", "mdtodo");
  await site.deploy(devStack, pins);
  await labExec("d601", "k3s kubectl delete namespace unidesk-dev --wait --timeout=120s", { timeoutMs: 150_000 });
  const diff = await site.diff(devStack, pins);
  expect(diff).toMatch(/kubernetes_deployment\.frontend-dev .*will be created/);
  expect(diff).toContain("namespace unidesk-dev missing");
  await site.deploy(devStack, pins);
  expect(await commits()).toMatchObject({ "unidesk-dev/frontend-dev": newer, "unidesk-dev/mdtodo-dev": newer });
  expect(await site.diff(devStack, pins)).toContain("No changes.");
});
