import { expect, test } from "vitest";
import { localStateFile, readStateTriggers } from "../lib/state.ts";
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

test("what is no state of version 4 is unknown", () => expect(stateOf({ modules: [] })()).toBeUndefined());

test("the state of a remote backend is unknown", () => {
  expect(readStateTriggers(siteOf({ backend: { type: "pg" } }), stack)).toBeUndefined();
});

test("fails in words if the file is half written", () => {
  expect(failureOf(stateOf('{"version":4,"resources":[')).message).toContain(`state/lab/${stack}.tfstate`);
});
