import { describe, expect, test } from "vitest";
import { loadPins, type Site } from "../../lib/config/site.ts";
import type { HostFacts } from "../../lib/observe/host.ts";
import type { ObservedK3s } from "../../lib/observe/k3s.ts";
import { nothingObserved, type SiteFacts } from "../../lib/observe/site.ts";
import type { Receipt } from "../../lib/receipts.ts";
import { pinStacks } from "../../stacks/index.ts";
import { PinStack } from "../../stacks/pin-stack.ts";
import { withCluster } from "../certificate.ts";
import { commitA, commitB, digestA, siteOf, siteOfPins, write } from "../support.ts";
import { appOf, provisionersOf, runtimeOf, shapeOf, synth } from "../synth.ts";
import { deployment, observed, workloadOf } from "../verdicts/k3s-support.ts";

const mainServer = "unidesk-prod-main-server";

function prod(pin: object = { commit: commitA }, seen?: HostFacts, site: Site = siteOf({}, pin)) {
  return stackOf(mainServer, site, seen ? { hosts: { "main-server": seen }, warnings: [] } : nothingObserved);
}

/** A stack as the app makes it, with the checkout's pins. */
function stackOf(id: string, site: Site, observed: SiteFacts = nothingObserved, services?: readonly string[]) {
  const found = pinStacks().find((stack) => stack.id === id);
  if (!found) throw new Error(`no stack ${id}`);
  const props = { site, pins: loadPins(site), runtime: runtimeOf(site), observed };
  return synth(new PinStack(appOf(site), id, { ...props, ...found, services: services ?? found.services }));
}
const chain = [
  "preflight",
  "frontend-delivery",
  "frontend-deployment",
  "frontend-image-label",
  "frontend-health-commit",
];
const plain = prod();
const triggersOf = (stack: typeof plain) =>
  Object.fromEntries(Object.entries(stack.resources).map(([name, { triggers }]) => [name, triggers]));

test("the whole stack", async () => {
  await expect(shapeOf(prod({ commit: commitA, digest: digestA }))).toMatchFileSnapshot(
    "snapshots/unidesk-prod-main-server.yaml",
  );
});

test("the addresses are contract", () => expect(Object.keys(plain.resources).sort()).toEqual([...chain].sort()));

test("triggers are plain facts", () => {
  const spec = expect.stringMatching(/^[0-9a-f]{12}$/);
  expect(triggersOf(plain)).toEqual({
    preflight: { frontend: commitA, spec, repair: "" },
    "frontend-delivery": { service: "frontend", commit: commitA, spec, repair: "" },
    "frontend-deployment": {
      service: "frontend",
      commit: commitA,
      container: "main-server/unidesk-frontend",
      spec,
      repair: "",
    },
    "frontend-image-label": { service: "frontend", commit: commitA, spec },
    "frontend-health-commit": { service: "frontend", commit: commitA, path: "/health", spec },
  });
});

test("a pin's digest appears in every trigger", () => {
  const pinned = triggersOf(prod({ commit: commitA, digest: digestA }));
  expect(pinned.preflight?.frontend).toBe(`${commitA} ${digestA}`);
  for (const name of chain.slice(1)) expect(pinned[name]?.digest).toBe(digestA);
});

test("between two commits only the commit changes", () => {
  const withoutCommit = (stack: typeof plain) =>
    JSON.parse(JSON.stringify(triggersOf(stack)).replaceAll(/\b(a1|b2){20}\b/g, "X"));
  const other = prod({ commit: commitB });
  expect(withoutCommit(other)).toEqual(withoutCommit(plain));
  for (const triggers of Object.values(triggersOf(other))) expect(Object.values(triggers ?? {})).toContain(commitB);
});

test("every step waits for the one before it, and checks run again with the deployment", () => {
  const address = (name: string) => `null_resource.${name}`;
  const order = Object.entries(plain.resources).map(([name, { depends_on, lifecycle }]) => [
    name,
    { dependsOn: depends_on, again: lifecycle?.replace_triggered_by },
  ]);
  expect(Object.fromEntries(order)).toEqual({
    preflight: { dependsOn: [], again: undefined },
    "frontend-delivery": { dependsOn: [address("preflight")], again: undefined },
    "frontend-deployment": { dependsOn: [address("frontend-delivery")], again: [address("frontend-delivery")] },
    "frontend-image-label": { dependsOn: [address("frontend-deployment")], again: [address("frontend-deployment")] },
    "frontend-health-commit": { dependsOn: [address("frontend-deployment")], again: [address("frontend-deployment")] },
  });
});

test("a step is given its own hosts, its spec and the bundle's hash, and nothing else", () => {
  const [[type, step] = []] = provisionersOf(plain.resources["frontend-deployment"]);
  const environment = step?.environment ?? {};
  expect(type).toBe("local-exec");
  expect(Object.keys(environment).sort()).toEqual([
    "UNIDESK_STEP_BUNDLE_SHA256",
    "UNIDESK_STEP_CONNECTIONS",
    "UNIDESK_STEP_RECEIPT",
    "UNIDESK_STEP_REPAIR",
    "UNIDESK_STEP_SPEC",
  ]);
  expect(JSON.parse(environment.UNIDESK_STEP_CONNECTIONS ?? "").map(({ name }: { name: string }) => name)).toEqual([
    "main-server",
  ]);
  expect(environment.UNIDESK_STEP_BUNDLE_SHA256).toBe("5".repeat(64));
});

describe("of a service without a pin", () => {
  const removedOf = (stack: typeof plain) => (JSON.parse(stack.text) as { removed?: unknown }).removed;
  const forgotten = (...addresses: string[]) => addresses.map((from) => ({ from, lifecycle: { destroy: false } }));
  const parts = ["approval", "delivery", "deployment", "image-label", "health-commit"];

  test("the stack forgets every resource and destroys none", () => {
    const site = siteOf({}, { commit: commitA });
    const stack = stackOf(mainServer, site, nothingObserved, ["frontend", "todo-note"]);
    expect(removedOf(stack)).toEqual(forgotten(...parts.map((part) => `null_resource.todo-note-${part}`)));
  });

  test("the last pin takes the preflight along, on d601 the image too", () => {
    const stack = stackOf("unidesk-prod-d601", siteOf(), nothingObserved, ["findjob"]);
    const addresses = [...parts.map((part) => `null_resource.findjob-${part}`), "docker_image.findjob-image"];
    expect(removedOf(stack)).toEqual(forgotten(...addresses, "null_resource.preflight"));
    expect(stack.resources).toEqual({});
  });

  describe("on k3s", () => {
    const devStack = "unidesk-dev-d601";
    const addressesOf = (devPins: Record<string, object>, services?: string[]) => {
      const stack = stackOf(devStack, withCluster(siteOfPins({ dev: devPins })), nothingObserved, services);
      const removed = (removedOf(stack) ?? []) as { from: string; lifecycle: object }[];
      for (const { lifecycle } of removed) expect(lifecycle).toEqual({ destroy: false });
      return removed.map(({ from }) => from);
    };
    const everythingOf = (service: string) => [
      ...["approval", "containerd-image", "auth-sync", "rollout", "health-commit"].map(
        (part) => `null_resource.${service}-${part}`,
      ),
      `kubernetes_deployment.${service}-dev`,
      `kubernetes_service.${service}-dev`,
    ];

    test("a workload that the catalog no longer has is forgotten, pinned or not", () => {
      const site = withCluster(siteOfPins({ dev: { mdtodo: { commit: commitA } } }));
      const names = ["mdtodo-dev", "mdtodo-old-dev", "claudeqq-dev"];
      const resources = names.map((name) => ({ type: "kubernetes_deployment", name, instances: [] }));
      write(site.root, `state/lab/${devStack}.tfstate`, { version: 4, resources });
      const removed = removedOf(stackOf(devStack, site, nothingObserved, ["mdtodo", "claudeqq"]));
      const addresses = (removed as { from: string }[]).map(({ from }) => from);
      expect(addresses).toEqual([...everythingOf("claudeqq"), "kubernetes_deployment.mdtodo-old-dev"]);
    });

    test("the namespace stays while another pin needs it", () => {
      const addresses = addressesOf({ claudeqq: { commit: commitA } }, ["claudeqq", "mdtodo"]);
      expect(addresses).toEqual(everythingOf("mdtodo"));
    });

    test("the namespace goes with the last pin that needs it, once", () => {
      const addresses = addressesOf({}, ["claudeqq", "mdtodo"]);
      expect(addresses).toEqual([
        ...everythingOf("claudeqq"),
        ...everythingOf("mdtodo"),
        "null_resource.namespace-unidesk-dev",
        "null_resource.preflight",
      ]);
    });

    test("everything that a pin has is forgotten without it", () => {
      for (const { id, environment, services } of pinStacks().filter(({ host }) => host === "d601")) {
        const pins = Object.fromEntries(services.map((service) => [service, { commit: commitA }]));
        const stack = stackOf(id, withCluster(siteOfPins({ [environment]: pins })));
        const json = JSON.parse(stack.text) as { resource: Record<string, object> };
        const all = Object.entries(json.resource).flatMap(([type, named]) =>
          Object.keys(named).map((name) => `${type}.${name}`),
        );
        const empty = stackOf(id, withCluster(siteOfPins({ [environment]: {} })));
        const forgotten = ((removedOf(empty) ?? []) as { from: string }[]).map(({ from }) => from);
        expect(all.length, id).toBeGreaterThan(3);
        expect(forgotten, id).toEqual(expect.arrayContaining(all));
        expect(new Set(forgotten).size, "Terraform refuses the same address twice").toBe(forgotten.length);
      }
    });
  });

  test("every consumer of the catalog is somewhere", () => {
    expect(Object.fromEntries(pinStacks().map(({ id, services }) => [id, services]))).toEqual({
      "unidesk-prod-main-server": [
        "backend-core",
        "frontend",
        "baidu-netdisk",
        "project-manager",
        "oa-event-flow",
        "todo-note",
        "code-queue-mgr",
      ],
      "unidesk-supervised-code-queue-mgr-prod": ["code-queue-mgr"],
      "unidesk-prod-d601": ["decision-center", "mdtodo", "claudeqq", "findjob", "pipeline"],
      "unidesk-dev-d601": ["backend-core", "frontend", "decision-center", "mdtodo", "claudeqq", "code-queue"],
      "unidesk-supervised-code-queue-dev": ["code-queue"],
    });
  });
});

describe("a supervised service", () => {
  const stack = stackOf(
    "unidesk-supervised-code-queue-mgr-prod",
    siteOfPins({ prod: { "code-queue-mgr": { commit: commitA } } }),
  );
  const stepOf = (name: string) => provisionersOf(stack.resources[`code-queue-mgr-${name}`])[0]?.[1].environment ?? {};

  test("is in no other stack", () => {
    const site = siteOfPins({ prod: { "code-queue-mgr": { commit: commitA } } });
    expect(stackOf(mainServer, site).resources).toEqual({});
  });

  test("begins with the gate, which names what is touched and what is not", () => {
    expect(stack.resources["code-queue-mgr-approval"]?.triggers).toMatchObject({
      service: "code-queue-mgr",
      commit: commitA,
      requires: "approval",
      affectedRuntime: "main-server Compose service code-queue-mgr, container code-queue-mgr-backend",
      excludedTargets: "code-queue scheduler, code-queue runner, tasks, interrupt, cancel",
    });
    expect(stack.resources.preflight?.depends_on).toEqual(["null_resource.code-queue-mgr-approval"]);
  });

  test("every step that changes something verifies the approval again", () => {
    const request = { target: "lab", service: "code-queue-mgr", environment: "prod", commit: commitA };
    for (const name of ["approval", "delivery", "deployment"]) {
      expect(JSON.parse(stepOf(name).UNIDESK_STEP_APPROVAL ?? "{}").request, name).toEqual(request);
    }
    for (const name of ["image-label", "health-commit"])
      expect(stepOf(name)).not.toHaveProperty("UNIDESK_STEP_APPROVAL");
  });
});

describe("observed", () => {
  const specOf = (name: string) => {
    const [[, step] = []] = provisionersOf(plain.resources[name]);
    return JSON.parse(step?.environment?.UNIDESK_STEP_RECEIPT ?? "{}").spec as string;
  };
  const receipts = new Map<string, Receipt>(
    ["frontend-delivery", "frontend-deployment"].map((name) => [
      `unidesk-prod-main-server/${name}`,
      { generation: 3, spec: specOf(name), repair: "3: x" },
    ]),
  );
  const image = {
    id: digestA,
    labels: { "org.opencontainers.image.revision": commitA },
    record: { digest: digestA, imageId: digestA },
  };
  const seen = (container: unknown) =>
    ({
      registry: undefined,
      receipts,
      machine: "m",
      origin: () => "machine time",
      services: new Map([
        ["frontend", { container, stableImageId: digestA, images: { [commitA]: image }, envKeys: {} }],
      ]),
    }) as unknown as HostFacts;

  test("a missing container is a repair of the deployment and what follows, not of the delivery", () => {
    const { resources } = prod({ commit: commitA }, seen(undefined));
    expect(resources["frontend-deployment"]?.triggers?.repair).toBe("4: container missing");
    expect(resources["frontend-deployment"]?.lifecycle).not.toHaveProperty("ignore_changes");
    expect(resources["frontend-delivery"]?.lifecycle?.ignore_changes).toEqual(["triggers"]);
    expect(resources.preflight?.triggers?.repair).toBe("frontend-deployment 4: container missing");
    expect(resources.preflight?.lifecycle).not.toHaveProperty("ignore_changes");
  });

  test("not observed, the trigger is left out of the comparison", () => {
    for (const name of ["preflight", "frontend-delivery", "frontend-deployment"]) {
      expect(plain.resources[name]?.lifecycle?.ignore_changes).toEqual(['triggers["repair"]']);
    }
  });
});

describe("what a rollout is told of the live Deployments", () => {
  const site = withCluster(siteOfPins({ dev: { frontend: { commit: commitA } } }));
  const rolloutOf = (cluster: ObservedK3s["cluster"] | "nobody looked") => {
    const k3s = new Map([
      ["unidesk-dev/frontend", observed({}, { cluster: cluster === "nobody looked" ? undefined : cluster })],
    ]);
    const seen = {
      receipts: new Map(),
      machine: "m",
      origin: () => "machine time",
      services: new Map(),
      auth: new Map(),
      k3s,
    };
    const facts = { hosts: { d601: seen }, warnings: [] } as unknown as SiteFacts;
    const stack = stackOf("unidesk-dev-d601", site, cluster === "nobody looked" ? nothingObserved : facts);
    const { triggers, provisioner } = stack.resources["frontend-rollout"] ?? {};
    const spec = JSON.parse(provisioner?.[0]?.["local-exec"]?.environment?.UNIDESK_STEP_SPEC ?? "{}");
    return { seen: spec.seen, trigger: triggers?.spec };
  };
  const workload = (generation: number) => ({ "frontend-dev": workloadOf({ deployment: deployment({ generation }) }) });

  test("is their generation, or that they are not there, and no trigger says it", () => {
    const seven = rolloutOf({ namespace: true, workloads: workload(7) });
    const none = rolloutOf({ namespace: true, workloads: {} });
    expect(seven.seen).toEqual({ "frontend-dev": 7 });
    expect(none.seen).toEqual({ "frontend-dev": null });
    expect(none.trigger).toBe(seven.trigger);
  });

  test("is that none was there where no pod was wanted: a first deployment that failed may fail again", () => {
    const scaled = workloadOf({ deployment: deployment({ generation: 7, replicas: 0 }) });
    expect(rolloutOf({ namespace: true, workloads: { "frontend-dev": scaled } }).seen).toEqual({
      "frontend-dev": null,
    });
  });

  test("is nothing where nobody looked", () => {
    expect(rolloutOf("nobody looked").seen).toBeUndefined();
    expect(rolloutOf(undefined).seen).toBeUndefined();
  });
});
