import { expect, test } from "vitest";
import { commitOf, parseObjects } from "../../lib/retire/k3s.ts";
import { commitA, failureOf } from "../support.ts";

const place = "d601 unidesk-dev/mdtodo-dev";
const mdtodo = { service: "mdtodo", registryPort: 5000 };
const repository = "127.0.0.1:5000/unidesk/mdtodo";

test("what is there is read by kind", () => {
  expect(parseObjects(`Deployment a 1-2 ${repository}:x y:z\nService a 3-4\nDeployment b 5-6\n`)).toEqual({
    deployments: [
      { name: "a", images: [`${repository}:x`, "y:z"] },
      { name: "b", images: [] },
    ],
    services: ["a"],
  });
  expect(parseObjects("")).toEqual({ deployments: [], services: [] });
});

test("a Deployment's commit is its image's tag", () => {
  expect(commitOf(mdtodo, place, [`${repository}:${commitA}`])).toBe(commitA);
  expect(commitOf(mdtodo, place, [`${repository}:latest`])).toBeUndefined();
  expect(commitOf(mdtodo, place, [`${repository}@sha256:${"a".repeat(64)}`])).toBeUndefined();
});

test("the registry's own port is a part of that name", () => {
  const moved = `127.0.0.1:5001/unidesk/mdtodo:${commitA}`;
  expect(commitOf({ ...mdtodo, registryPort: 5001 }, place, [moved])).toBe(commitA);
  expect(() => commitOf(mdtodo, place, [moved])).toThrow("is not the service mdtodo");
});

test.each([
  [[`127.0.0.1:5000/unidesk/mdtodo-dev:${commitA}`]],
  [[`other/unidesk/mdtodo:${commitA}`]],
  [[`${repository}:${commitA}`, "sidecar:1"]],
  [[]],
])("fails if it runs something else: %o", (images) => {
  expect(failureOf(() => commitOf(mdtodo, place, images)).problem).toEqual({
    what: `${place} is there, but is not the service mdtodo; it was left alone`,
    found: images.join(", ") || "no container",
    allowed: `one container of ${repository}`,
    remedy: "look whose it is",
  });
});
