import { describe, expect, test } from "vitest";
import { applyOrder } from "../../lib/review/apply.ts";
import { PlanJson } from "../../lib/review/plan-json.ts";
import { destroysOf, extentsOf, sortStack, totalsOf } from "../../lib/review/report-builder.ts";
import { serviceOf, stillOf } from "./support.ts";

const change = (address: string, actions: string[]) => ({
  address,
  type: address.split(".")[0] ?? "",
  change: { actions, before: null, after: null },
});
const planOf = (...changes: object[]) => PlanJson.parse({ format_version: "1.2", resource_changes: changes });

describe("a stack's changes", () => {
  test("belong to the service of their address, the others to the stack", () => {
    const plan = planOf(
      change("null_resource.frontend-deployment", ["create"]),
      change("null_resource.preflight", ["create"]),
    );
    const { review, byService } = sortStack("unidesk-prod-main-server", { plan, resources: 25 });
    expect(review).toMatchObject({ action: "change", unchanged: 23, error: null });
    expect(review.changes.map(({ address }) => address)).toEqual(["null_resource.preflight"]);
    expect([...byService.keys()]).toEqual(["prod/frontend"]);
  });

  test("have a preflight where it runs, not where it is forgotten", () => {
    const preflightOf = (...actions: string[]) => {
      const plan = planOf(change("null_resource.preflight", actions));
      return sortStack("unidesk-prod-d601", { plan, resources: 1 }).preflight;
    };
    expect(preflightOf("create", "delete")).toBe(true);
    expect(preflightOf("delete")).toBe(false);
    expect(sortStack("unidesk-prod-d601", { plan: undefined, resources: 1 }).preflight).toBe(false);
  });

  test("of Deployments belong to their service", () => {
    const plan = planOf(change("kubernetes_deployment.code-queue-read-dev", ["create"]));
    const { byService } = sortStack("unidesk-supervised-code-queue-dev", { plan, resources: 1 });
    expect([...byService.keys()]).toEqual(["dev/code-queue"]);
  });

  test("are none, refused or an error", () => {
    expect(sortStack("d601-registry", { plan: undefined, resources: 6 }).review).toMatchObject({ action: "none" });
    const plan = planOf(change("null_resource.refusal", ["create"]));
    expect(sortStack("unidesk-plan-only", { plan, resources: 1 }).review.action).toBe("refused");
    const broken = sortStack("d601-registry", { error: "Error: no", resources: 6 }).review;
    expect(broken).toMatchObject({ action: "error", error: "Error: no", unchanged: 6 });
  });
});

test("an object that is deleted or made anew is called out, an image that is pulled is not", () => {
  const changes = [
    { address: "kubernetes_service.mdtodo", action: "replace" as const, meaning: "makes it anew", fields: [] },
    { address: "docker_image.findjob-image", action: "replace" as const, meaning: "pulls", fields: [] },
  ];
  const stop = { address: "null_resource.registry-stop", action: "delete" as const, meaning: "stops", fields: [] };
  const stack = { name: "d601-registry", action: "change" as const, error: null, unchanged: 0, changes: [stop] };
  expect(destroysOf([stack], [serviceOf({ service: "mdtodo", changes })])).toEqual([
    "d601-registry: stops (null_resource.registry-stop)",
    "unidesk-prod-main-server: makes it anew (kubernetes_service.mdtodo)",
  ]);
});

describe("what is touched", () => {
  const missing = { state: "missing" as const, detail: null, command: null };
  const services = [
    serviceOf({ service: "frontend" }),
    serviceOf({ service: "mdtodo", host: "d601", runtime: "k3s", targets: ["unidesk/mdtodo"] }),
    serviceOf({ service: "code-queue-mgr", approval: missing }),
    stillOf("backend-core"),
  ];

  test("is what an apply changes; fails if what waits for an approval is said to be left alone", () => {
    const { touched, waiting, untouched } = extentsOf([], services);
    expect(touched).toEqual([
      { host: "d601", containers: [], deployments: ["unidesk/mdtodo"], namespaces: ["unidesk"], files: [] },
      { host: "main-server", containers: ["unidesk-frontend"], deployments: [], namespaces: [], files: [] },
    ]);
    expect(waiting.flatMap(({ containers }) => containers)).toEqual(["unidesk-code-queue-mgr"]);
    expect(untouched.flatMap(({ containers }) => containers)).toEqual(["unidesk-backend-core"]);
  });

  test("what another pin changes is not untouched", () => {
    const refused = serviceOf({ service: "frontend", environment: "dev", action: "refused" });
    expect(extentsOf([], [...services, refused]).untouched.flatMap(({ containers }) => containers)).not.toContain(
      "unidesk-frontend",
    );
  });

  test("fails if what nobody could plan is said to be left alone", () => {
    const open = serviceOf({
      ...{ service: "todo-note", host: "d601", runtime: "k3s", targets: ["unidesk/todo-note"] },
      action: "unknown",
    });
    const still = stillOf("claudeqq", { host: "d601", runtime: "k3s", targets: ["unidesk/claudeqq"] });
    const { touched, untouched } = extentsOf([], [open, still]);
    expect(touched).toEqual([]);
    expect(untouched).toMatchObject([{ deployments: ["unidesk/claudeqq"], namespaces: [] }]);
    expect(totalsOf([open, still], 10)).toEqual({ bytes: null, seconds: null, downtimeSeconds: null });
  });

  test("the registry's files are", () => {
    const write = { address: "null_resource.registry-config", action: "run" as const, meaning: "", fields: [] };
    const check = { ...write, address: "null_resource.registry-health" };
    const stack = {
      name: "d601-registry",
      action: "change" as const,
      error: null,
      unchanged: 4,
      changes: [write, check],
    };
    expect(extentsOf([stack], []).touched).toMatchObject([{ host: "d601", files: ["the registry's config file"] }]);
  });
});

test("totals are unknown if one part is, and leave out what waits for an approval", () => {
  const known = serviceOf({ service: "frontend", time: { seconds: 4, downtimeSeconds: 1, samples: 3 } });
  const unknown = serviceOf({ service: "mdtodo", time: { seconds: null, downtimeSeconds: null, samples: 0 } });
  const waiting = serviceOf({ ...unknown, approval: { state: "missing", detail: null, command: null } });
  expect(totalsOf([known, waiting], 10)).toEqual({ bytes: 10, seconds: 4, downtimeSeconds: 1 });
  const unseen = serviceOf({
    ...known,
    transfer: { bytes: null, diskBytes: null, missingLayers: null, layers: null, exact: false },
  });
  expect(totalsOf([known, unseen], 0).bytes).toBeNull();
  expect(totalsOf([known, unknown], null)).toEqual({ bytes: null, seconds: null, downtimeSeconds: null });
});

test("stacks are applied registry first, then dev, then prod, what was approved last", () => {
  const all = ["unidesk-supervised-x-prod", "unidesk-prod-main-server", "d601-registry", "unidesk-dev-d601"];
  expect(applyOrder(all)).toEqual(["d601-registry", "unidesk-dev-d601", "unidesk-prod-main-server", all[0]]);
});
