import { expect, test } from "vitest";
import { commitOfAll, deployedImages } from "../../lib/kubernetes/deployed-commit.ts";
import { clusterImage } from "../../lib/kubernetes/target.ts";
import { commitA, commitB } from "../support.ts";
import { observed } from "../verdicts/k3s-support.ts";

const image = (commit: string) => clusterImage(5000, "frontend", commit);

test("the commit that all Deployments name", () => {
  expect(commitOfAll(deployedImages(observed()))).toBe(commitA);
  expect(commitOfAll([image(commitA), image(commitA)])).toBe(commitA);
});

test.each([
  ["they name several", [image(commitA), image(commitB)]],
  ["one names none", [image(commitA), "frontend:latest"]],
  ["none names one", ["frontend"]],
  ["there is no Deployment", []],
])("fails if %s and one is found", (_, images) => {
  expect(commitOfAll(images)).toBeUndefined();
});

test("what is missing, or in a cluster without an answer, has no image", () => {
  expect(deployedImages(observed({ deployment: undefined }))).toEqual([]);
  expect(deployedImages(observed({}, { cluster: undefined }))).toEqual([]);
});
