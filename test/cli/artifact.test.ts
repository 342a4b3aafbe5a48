import { expect, test } from "vitest";
import { commitA } from "../support.ts";
import { useCli } from "./support.ts";

const { cli } = useCli();
const publish = (...args: string[]) => cli("artifact", "publish", "--commit", commitA, ...args);

test("fails if nothing is named to publish", async () => {
  const { exitCode, stderr } = await publish();
  expect(stderr).toBe(
    [
      "nothing is named that could be published",
      "  allowed: --service <service>, as often as needed, or --all",
      "  remedy:  npx unidesk artifact publish --service frontend --commit SHA",
      "",
    ].join("\n"),
  );
  expect(exitCode).toBe(2);
});

test("fails if --all stands beside a service", async () => {
  const { exitCode, stderr } = await publish("--all", "--service", "frontend");
  expect(stderr).toContain("error: option '--all' cannot be used with option '--service <services...>'");
  expect(exitCode).toBe(2);
});

test.each(["0", "9", "two", "1.5", "-1", ""])("fails if --jobs is %j", async (jobs) => {
  const { exitCode, stderr } = await publish("--service", "frontend", `--jobs=${jobs}`);
  expect(stderr).toContain("--jobs is no such number");
  expect(stderr).toContain("allowed: a whole number from 1 to 8");
  expect(exitCode).toBe(2);
});

test.each([
  [["--service", "frontend,frontned"], "CI.json has no entry for frontned"],
  [["--service", "frontend", "frontned"], "CI.json has no entry for frontned"],
  [["--service", "frontend", "--service", "frontned"], "CI.json has no entry for frontned"],
  [["--service", "postgres"], "postgres is an upstream image: it is mirrored, never built"],
])("fails if one of several cannot be built, before a host is contacted: %s", async (args, what) => {
  const { exitCode, stderr } = await publish(...args);
  expect(stderr.split("\n")[0]).toBe(what);
  expect(exitCode).toBe(2);
});

test("fails if what should be mirrored is built", async () => {
  const { exitCode, stderr } = await cli("artifact", "mirror", "--service", "frontend");
  expect(stderr).toContain("frontend is built from source: it is published, never mirrored");
  expect(stderr).toContain("allowed: postgres, registry");
  expect(exitCode).toBe(2);
});
