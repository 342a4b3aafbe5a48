import { spawnSync } from "node:child_process";
import { hostname } from "node:os";
import { expect, test } from "vitest";
import { UserError } from "../../lib/errors.ts";
import { runIdOf } from "../../lib/steps/run-id.ts";

test("is the machine and the process group", () => {
  const { stdout } = spawnSync("ps", ["-o", "pgid=", "-p", String(process.pid)], { encoding: "utf8" });
  expect(runIdOf()).toBe(`${hostname()}/${stdout.trim()}`);
});

test("fails for a process that is not there: a number of its own would make strangers of its siblings", () => {
  expect(() => runIdOf(2 ** 22 + 1)).toThrow(UserError);
});
