import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { createProgram } from "../../lib/cli/main.ts";
import { orderlyEndSeconds } from "../../lib/review/end-in-order.ts";
import { checkout } from "../checkout.ts";
import { bash } from "../support.ts";
import { commandsOf, wrongCommand } from "./commands.ts";

const folder = join(checkout, "automation");
const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
  statSync(join(folder, name)).isFile(),
);
const textOf = (name: string) => readFileSync(join(folder, name), "utf8");
const { scripts } = JSON.parse(readFileSync(join(checkout, "package.json"), "utf8")) as {
  scripts: Record<string, string>;
};

interface Step {
  readonly name: string;
  readonly uses?: string;
  readonly run?: string;
  readonly env?: Record<string, string>;
}
interface Workflow {
  readonly on: Record<string, { branches?: string[]; paths?: string[]; types?: string[] }>;
  readonly permissions: object;
  readonly concurrency: { readonly group: string; readonly "cancel-in-progress": boolean };
  readonly jobs: Record<
    string,
    { permissions: object; "timeout-minutes": number; environment?: string; steps: Step[] }
  >;
}
const workflow = (name: string) => parse(textOf(name), { uniqueKeys: true }) as Workflow;
const stepsOf = (name: string) => Object.values(workflow(name).jobs).flatMap(({ steps }) => steps);
const reviews = ["github/unidesk-review.yml", "gitea/unidesk-review.yml"];
const applies = ["github/unidesk-apply.yml", "gitea/unidesk-apply.yml"];

test("these are the files that are copied", () => {
  expect(files.sort()).toEqual(
    [
      ...reviews,
      ...applies,
      "renovate.json",
      ...["api", "apply-reviewed", "post-comment", "pull-request-files", "review-pull-request"].map(
        (one) => `scripts/${one}.sh`,
      ),
      ...["plain-log", "reviewed-fingerprint", "with-key"].map((one) => `scripts/${one}.sh`),
    ].sort(),
  );
});

test.each(files)("every command of %s exists, with its options", (name) => {
  const wrong = commandsOf(textOf(name)).map((command) => wrongCommand(command, createProgram(checkout), scripts));
  expect(wrong.filter((one) => one !== undefined)).toEqual([]);
});

test("a command that does not exist is found out", () => {
  const found = (text: string) =>
    commandsOf(text).map((command) => wrongCommand(command, createProgram(checkout), scripts));
  expect(found("npx unidesk registry health --json\nnpm ci --no-audit")).toEqual([undefined, undefined]);
  expect(found("run `npx unidesk registry fix` now")).toEqual(["npx unidesk registry fix: no command fix"]);
  expect(found("x && npx unidesk doctor --loud")).toEqual(["npx unidesk doctor --loud: no option --loud"]);
  expect(found("npm run nothing; npx eslint .")).toEqual(["npm run nothing", "npx eslint ."]);
});

test.each(files.filter((name) => name.endsWith(".sh")))(
  "bash can read %s, and it stops at the first failure",
  (name) => {
    expect(bash(`bash -n "$1"`, [join(folder, name)]).stderr).toBe("");
    expect(textOf(name)).toContain("\nset -euo pipefail\n");
    expect((statSync(join(folder, name)).mode & 0o111) > 0).toBe(name !== "scripts/api.sh");
  },
);

describe.each(applies)("the apply of %s", (name) => {
  const script = textOf("scripts/apply-reviewed.sh");
  const [, killAfter, bound] = (/--kill-after=(\d+) (\d+) /.exec(script) ?? []).map(Number);
  const wait = Number(/flock -w (\d+)/.exec(script)?.[1]);

  test("is killed only long after it should have ended in order", () => {
    expect(killAfter).toBeGreaterThanOrEqual(orderlyEndSeconds + 120);
  });
  test("ends before the job is cut", () => {
    const [{ "timeout-minutes": minutes } = { "timeout-minutes": 0 }] = Object.values(workflow(name).jobs);
    expect(minutes * 60).toBeGreaterThanOrEqual(wait + (bound ?? 0) + (killAfter ?? 0) + 300);
  });
});

describe.each([...reviews, ...applies])("%s", (name) => {
  test("grants nothing to what it does not name, and bounds every job", () => {
    const { permissions, concurrency, jobs } = workflow(name);
    expect(permissions).toEqual({});
    expect(concurrency.group).not.toBe("");
    for (const job of Object.values(jobs)) {
      expect(job["timeout-minutes"]).toBeLessThanOrEqual(130);
      expect(job.permissions).toEqual({ contents: "read", "pull-requests": reviews.includes(name) ? "write" : "read" });
    }
  });

  test("uses no action of anybody, and writes no expression into a script", () => {
    for (const step of stepsOf(name)) {
      expect(step.uses).toBeUndefined();
      expect(step.run).not.toContain("${{");
      expect(bash("bash -n", [], step.run ?? "").stderr).toBe("");
    }
  });

  test("hands secrets to the one step that needs them", () => {
    const withSecrets = stepsOf(name).filter(({ env }) => JSON.stringify(env ?? {}).includes("secrets."));
    expect(withSecrets.map((step) => step.name)).toEqual([reviews.includes(name) ? "Review" : "Apply"]);
    expect(textOf(name).includes("UNIDESK_DEPLOY_SSH_KEY")).toBe(applies.includes(name));
    expect(textOf(name).includes("UNIDESK_OBSERVE_SSH_KEY")).toBe(reviews.includes(name));
  });
});

describe.each(reviews)("%s", (name) => {
  test("runs the base branch's file and code; nothing of the pull request is checked out", () => {
    const { on, concurrency } = workflow(name);
    // With pull_request the workflow itself would be the pull request's.
    expect(Object.keys(on)).toEqual(["pull_request_target"]);
    expect(on.pull_request_target?.types).toEqual(["opened", "synchronize", "reopened"]);
    expect(on.pull_request_target?.paths).toEqual(["deploy.json", "CI.json"]);
    expect(concurrency).toEqual({
      group: `unidesk-review-$${"{{ github.event.pull_request.number }}"}`,
      "cancel-in-progress": true,
    });
    const checkouts = stepsOf(name).flatMap(
      ({ run = "" }) => run.match(/git (checkout|switch|merge|reset|worktree|pull) .*/g) ?? [],
    );
    expect(checkouts).toEqual(["git checkout --quiet --force --detach refs/unidesk/base"]);
  });
});

describe.each(applies)("%s", (name) => {
  test("runs on pushes and by hand, never twice at once, and is never cut by the next", () => {
    const { on, concurrency } = workflow(name);
    expect(Object.keys(on)).toEqual(["push", "workflow_dispatch"]);
    expect(on.push).toEqual({ branches: ["main", "master"], paths: ["deploy.json", "CI.json"] });
    expect(concurrency).toEqual({ group: "unidesk-apply", "cancel-in-progress": false });
    expect(textOf(name)).toContain(
      "if: github.ref == format('refs/heads/{0}', github.event.repository.default_branch)",
    );
  });
});

test("GitHub's secrets are those of an environment", () => {
  expect(workflow("github/unidesk-review.yml").jobs.review?.environment).toBe("unidesk-review");
  expect(workflow("github/unidesk-apply.yml").jobs.apply?.environment).toBe("unidesk-production");
});
