import { expect, test } from "vitest";
import { localStateFile, readStateObjects, readStateTriggers } from "../lib/state.ts";
import { failureOf, siteOf, write } from "./support.ts";

const stack = "unidesk-prod-main-server";
const resource = (type: string, name: string, triggers: object | null) => ({
  mode: "managed",
  type,
  name,
  instances: [{ attributes: { id: "1", triggers } }],
});
function stateOf(content: string | object) {
  const site = siteOf();
  write(site.root, `state/lab/${stack}.tfstate`, content);
  return () => readStateTriggers(site, stack);
}

test("the state's path carries the target and the stack", () => {
  expect(localStateFile({ root: "/checkout", target: "lab" }, stack)).toBe(
    "/checkout/state/lab/unidesk-prod-main-server.tfstate",
  );
});

test("the triggers of every step, by name", () => {
  const resources = [
    resource("null_resource", "frontend-deployment", { commit: "a" }),
    resource("null_resource", "registry-stop", null),
    resource("docker_image", "frontend", { commit: "b" }),
    { type: "null_resource", name: "planned", instances: [] },
  ];
  expect(stateOf({ version: 4, resources })()).toEqual(
    new Map([
      ["frontend-deployment", { commit: "a" }],
      ["registry-stop", {}],
      ["planned", {}],
    ]),
  );
});

test("no file, and a file that a crash left empty, are no triggers", () => {
  expect(readStateTriggers(siteOf(), stack)).toEqual(new Map());
  expect(stateOf("")()).toEqual(new Map());
});

test("the objects of the cluster, by address", () => {
  const site = siteOf();
  expect(readStateObjects(site, stack)).toEqual([]);
  const resources = [
    resource("null_resource", "frontend-rollout", {}),
    resource("kubernetes_deployment", "old-dev", null),
    resource("kubernetes_service", "old-dev", null),
  ];
  write(site.root, `state/lab/${stack}.tfstate`, { version: 4, resources });
  expect(readStateObjects(site, stack)).toEqual(["kubernetes_deployment.old-dev", "kubernetes_service.old-dev"]);
  expect(readStateObjects({ ...site, backend: siteOf({ backend: { type: "pg" } }).backend }, stack)).toEqual([]);
});

test("what is no state of version 4 is unknown", () => expect(stateOf({ modules: [] })()).toBeUndefined());

test("the state of a remote backend is unknown", () => {
  expect(readStateTriggers(siteOf({ backend: { type: "pg" } }), stack)).toBeUndefined();
});

test("fails in words if the file is half written", () => {
  expect(failureOf(stateOf('{"version":4,"resources":[')).message).toContain(`state/lab/${stack}.tfstate`);
});
