import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { runScript } from "../../lib/ssh/run.ts";
import { localHost } from "../support.ts";

const local = localHost("/home/ubuntu");

test("standard input stays open with a line every few seconds", async () => {
  const script = "IFS= read -r -t 8 line && echo alive";
  const result = await runScript(local, script, [], { lifeline: new AbortController().signal });
  expect(result).toMatchObject({ exitCode: 0, stdout: "alive\n" });
});

test("standard input ends when the lifeline aborts", async () => {
  const lifeline = new AbortController();
  const started = Date.now();
  const running = runScript(local, "cat >/dev/null; echo gone", [], { lifeline: lifeline.signal });
  await sleep(100);
  lifeline.abort();
  expect((await running).stdout).toBe("gone\n");
  expect(Date.now() - started).toBeLessThan(4000);
});

test("one that had aborted before is an empty input", async () => {
  const result = await runScript(local, "cat; echo gone", [], { lifeline: AbortSignal.abort() });
  expect(result.stdout).toBe("gone\n");
});

test("a command that does not read it ends all the same", async () => {
  const result = await runScript(local, "exit 3", [], { lifeline: new AbortController().signal });
  expect(result.exitCode).toBe(3);
});
