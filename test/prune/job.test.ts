import { spawn } from "node:child_process";
import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { UserError } from "../../lib/errors.ts";
import { againWhileTooOld, failureOf, PlanTooOldError } from "../../lib/prune/apply.ts";
import { planTooOld, pruneJobScript } from "../../lib/prune/job-script.ts";
import { bash, rejectionOf, tempFolder, write } from "../support.ts";

/** Runs the job in a folder of its own, with these programs before the host's; returns its log. */
function run(
  spec: Readonly<Record<string, string>> = {},
  programs: Readonly<Record<string, string>> = {},
  folder = tempFolder(),
) {
  const bin = join(folder, "bin");
  for (const [name, script] of Object.entries({ sudo: "exit 1", ...programs })) {
    chmodSync(write(bin, name, `#!/bin/bash\n${script}\n`), 0o755);
  }
  const values = {
    ...{ name: "registry", unit: "registry.service", url: "http://127.0.0.1:1", tree: join(folder, "tree") },
    ...{ artifacts: join(folder, "artifacts"), publish_lock: join(folder, "publish"), lock_wait: "20" },
    ...{ override: join(folder, "override"), drop_in: join(folder, "drop-in", "file"), looked_at: "0" },
    ...{ compose_text: "", serve_text: "", drop_in_text: "", probe_repository: "unidesk/none" },
    ...spec,
  };
  const lines = Object.entries(values).map(([name, value]) => `${name}='${value}'\n`);
  write(folder, "spec", lines.join(""));
  write(folder, "plan", "");
  write(folder, "tree/keep", "");
  bash(`export PATH="${bin}:$PATH"\n${pruneJobScript}`, ["run", folder]);
  return readFileSync(join(folder, "log"), "utf8");
}

describe("the job on the registry's host", () => {
  test("fails if it goes by a plan of before it waited for a publisher", async () => {
    const folder = tempFolder();
    const until = 'echo held; until grep -qs waiting "$0/log"; do sleep 0.1; done';
    const holder = spawn("flock", ["-s", join(folder, "publish"), "bash", "-c", until, folder]);
    await new Promise((resolve) => holder.stdout.once("data", resolve));
    expect(run({}, {}, folder)).toBe(
      `waiting for publishers that push\nthe plan is too old: publishers pushed meanwhile\n@refused ${planTooOld}\n`,
    );
  });

  test("fails if the registry is silent: infra-blocked, and nothing is touched", () => {
    expect(run()).toBe("the registry does not answer\n@refused 3\n");
  });

  /** A registry that is read-only as long as the drop-in is there; `is-active` says what its unit does in the end. */
  const programs = (active: string) => ({
    systemctl: `case $* in *is-active*) ${active} ;; esac`,
    curl: "[[ $* == *POST* ]] && printf 405 || printf 200",
    docker: 'case $1 in inspect) [ -e "$(dirname "$0")/../drop-in/file" ] && echo prune || echo rw ;; esac',
  });

  test("says that it is done where the registry is seen to be writable", () => {
    expect(run({}, programs("exit 0"))).toMatch(/the registry becomes writable\n@ended done pruned\n$/);
  });

  test("fails if it is said to be writable where it does not run", () => {
    const log = run({}, programs("exit 3"));
    expect(log).toMatch(/registry\.service does not run; its next start is writable\n@ended closed pruned\n$/);
  });
});

describe("what the end of a prune means", () => {
  const of = (stdout: string, exitCode = 0) => {
    const error = failureOf({ exitCode, stdout, stderr: "the last line\n" }, { unit: "registry.service", log: "/log" });
    return [error.exitCode, error.problem.what, error.problem.remedy];
  };
  const again = expect.stringContaining("then the same prune again; its log: /log");

  test.each([
    ["@ended failed the garbage collection failed: x", 0, 1, "d601: the prune failed; the registry is writable again"],
    ["@lost", 0, 1, "d601: the prune was cut off; the registry becomes writable by itself"],
    ["", 75, 1, "d601: nothing was pruned"],
    ["@refused 75", 0, 1, "d601: nothing was pruned"],
    ["@refused 3", 0, 3, "d601: nothing was pruned"],
  ])("%j %i", (stdout, exitCode, expected, what) => {
    expect(of(`${stdout}\n`, exitCode)).toEqual([expected, what, again]);
  });

  test("fails if a registry that was not seen to be writable is said to be", () => {
    const restart = expect.stringContaining("on d601: systemctl restart registry.service");
    expect(of("@ended closed pruned\n")).toEqual([
      1,
      "d601: pruned; but the registry was not seen to become writable",
      restart,
    ]);
  });

  test("a plan that is too old is one to make again", () => {
    const ended = { exitCode: 0, stdout: `@refused ${planTooOld}\n`, stderr: "" };
    expect(failureOf(ended, { unit: "x", log: "y" })).toBeInstanceOf(PlanTooOldError);
  });
});

describe("a plan that is too old", () => {
  const tooOld = () => Promise.reject(new PlanTooOldError({ what: "nothing was pruned", found: "it changed" }));

  test("is made again, a few times", async () => {
    const said: string[] = [];
    let attempts = 0;
    const attempt = () => (++attempts === 3 ? Promise.resolve("pruned") : tooOld());
    expect(await againWhileTooOld(attempt, (line) => said.push(line))).toBe("pruned");
    expect(said).toEqual(["it changed; planning again", "it changed; planning again"]);
  });

  test("fails if it never ends, or another failure is tried again", async () => {
    let attempts = 0;
    const counted = (fail: () => Promise<never>) => () => {
      attempts++;
      return fail();
    };
    const error = await rejectionOf(againWhileTooOld(counted(tooOld), () => {}));
    expect([attempts, error.message]).toEqual([3, expect.stringContaining("nothing was pruned")]);
    attempts = 0;
    const other = () => Promise.reject(new UserError({ what: "no" }));
    await rejectionOf(againWhileTooOld(counted(other), () => {}));
    expect(attempts).toBe(1);
  });
});
