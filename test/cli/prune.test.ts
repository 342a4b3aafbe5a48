import { expect, test, vi } from "vitest";
import { refusal, useCli } from "./support.ts";

const { cli } = useCli();

test("fails if neither --dry-run nor --apply is given", async () => {
  expect(await cli("artifact", "prune")).toEqual({
    exitCode: 2,
    stdout: "",
    stderr: "artifact prune needs --dry-run or --apply; nothing was done\n  remedy:  look at --dry-run first\n",
  });
});

test("fails if both are given", async () => {
  const { exitCode, stderr } = await cli("artifact", "prune", "--dry-run", "--apply");
  expect(exitCode).toBe(2);
  expect(stderr).toContain("option '--dry-run' cannot be used with option '--apply'");
});

test.each([
  ["--keep", "-1", "a whole number from 0 to 100"],
  ["--keep", "many", "a whole number from 0 to 100"],
  ["--min-age", "1.5", "a whole number from 0 to 100000"],
])("fails if %s is %s", async (option, value, allowed) => {
  expect(await cli("artifact", "prune", "--dry-run", `${option}=${value}`)).toEqual({
    exitCode: 2,
    stdout: "",
    stderr: refusal(`${option} is no such number`, value, `allowed: ${allowed}`),
  });
});

test("fails in a Code Queue task", async () => {
  vi.stubEnv("CODE_QUEUE_TASK_ID", "7");
  const { exitCode, stderr } = await cli("artifact", "prune", "--apply");
  expect(exitCode).not.toBe(0);
  expect(stderr).toContain("pruning the registry");
});
