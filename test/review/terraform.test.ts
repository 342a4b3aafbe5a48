import { chmodSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { planStack } from "../../lib/review/terraform.ts";
import { tempFolder, write } from "../support.ts";

/** A Terraform that notes what it is asked for; `plan` is what it does then. */
function stackWith(plan: string, init = ":") {
  const root = tempFolder();
  const path = join(root, "stack");
  write(path, "cdk.tf.json", { terraform: {} });
  const program = `#!/bin/bash
echo "$1" >> log
case $1 in
init) ${init}; mkdir -p .terraform ;;
plan) ${plan} ;;
esac
`;
  chmodSync(write(root, "node_modules/.bin/terraform", program), 0o755);
  const asked = () => readFileSync(join(path, "log"), "utf8").trim().split("\n");
  return { stack: { name: "stack", path, root, environment: {} }, path, asked };
}

/** As Terraform wraps it. */
const wantsInit = String.raw`printf '│ Error: Required plugins are not installed\n│ To install them run: terraform\n│ init\n' >&2; exit 1`;

test("a stack is initialized once", async () => {
  const { stack, asked } = stackWith(":");
  for (let time = 0; time < 2; time += 1) expect(await planStack(stack)).toEqual({ plan: undefined, resources: 0 });
  expect(asked()).toEqual(["init", "plan", "plan"]);
});

test("where its plugins are others by now it is initialized anew, without the lock file of before", async () => {
  const { stack, path, asked } = stackWith(`[ ! -e .terraform.lock.hcl ] || { ${wantsInit}; }`);
  await planStack(stack);
  write(path, ".terraform.lock.hcl", "");
  expect(await planStack(stack)).toEqual({ plan: undefined, resources: 0 });
  expect(asked()).toEqual(["init", "plan", "plan", "init", "plan"]);
  expect(existsSync(join(path, ".terraform.lock.hcl"))).toBe(false);
});

test("a lock file of other settings stands in nobody's way", async () => {
  const { stack, path, asked } = stackWith(":", "[ ! -e .terraform.lock.hcl ] || exit 1");
  write(path, ".terraform.lock.hcl", "");
  expect(await planStack(stack)).toEqual({ plan: undefined, resources: 0 });
  expect(asked()).toEqual(["init", "init", "plan"]);
});

test("fails with Terraform's words if that does not help", async () => {
  const { stack, asked } = stackWith(wantsInit);
  expect(await planStack(stack)).toMatchObject({
    error: expect.stringContaining("Required plugins are not installed"),
  });
  expect(asked()).toEqual(["init", "plan", "init", "plan"]);
});
