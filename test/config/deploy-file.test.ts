import { describe, expect, test } from "vitest";
import { DeployFile, readPins, resolvePins } from "../../lib/config/deploy-file.ts";
import { parseJson } from "../../lib/config/json-file.ts";
import { commitA, deployJson, digestA, failureOf, tempFolder, write } from "../support.ts";

const read = (content: string | object) => readPins(write(tempFolder(), "deploy.json", content));
const refusal = (content: string | object) => failureOf(() => read(content));
const ofFrontend = (pin: unknown) => refusal(deployJson(pin));

const wholeCommit = "must be a full Git commit: 40 lowercase hex digits; remedy: git rev-parse <branch>";
const wholeDigest =
  'must be an OCI digest: "sha256:" and 64 lowercase hex digits; remedy: npx unidesk artifact publish prints it';

test("a pin comes back with its consumer", () => {
  expect(read(deployJson({ commit: commitA, digest: digestA }))).toEqual([
    {
      service: "frontend",
      environment: "prod",
      commit: commitA,
      digest: digestA,
      consumer: {
        runtime: {
          kind: "compose",
          host: "main-server",
          composeService: "frontend",
          container: "unidesk-frontend",
          stableImage: "unidesk-frontend",
          health: { port: 8080 },
        },
      },
    },
  ]);
});

test("a pin without a digest has no digest key", () => {
  expect(read(deployJson({ commit: commitA }))[0]).not.toHaveProperty("digest");
});

test("environments may be empty or absent", () => {
  expect(read({ version: 1, environments: {} })).toEqual([]);
  expect(read({ version: 1, environments: { prod: {}, dev: {} } })).toEqual([]);
});

describe("commit", () => {
  test.each([
    ["39 hex digits", commitA.slice(1)],
    ["41 hex digits", `${commitA}0`],
    ["uppercase", commitA.toUpperCase()],
    ["latest", "latest"],
    ["a branch name", "master"],
    ["a commit and a newline", `${commitA}\n`],
    ["an empty text", ""],
  ])("fails if it is %s", (_, commit) => {
    const { message, exitCode } = ofFrontend({ commit });
    expect(message).toBe(
      `deploy.json: environments.prod.frontend.commit: found ${JSON.stringify(commit)}; ${wholeCommit}`,
    );
    expect(exitCode).toBe(2);
  });

  test("fails if it is missing", () => {
    expect(ofFrontend({}).message).toBe(`deploy.json: environments.prod.frontend.commit: is missing; ${wholeCommit}`);
  });

  test("fails if it is a number", () => {
    expect(ofFrontend({ commit: 1234567 }).message).toBe(
      `deploy.json: environments.prod.frontend.commit: found 1234567; ${wholeCommit}`,
    );
  });
});

test.each(["latest", "a".repeat(64), `sha256:${"A".repeat(64)}`, `sha512:${"a".repeat(128)}`])(
  "fails if the digest is %s",
  (digest) => {
    const shown = JSON.stringify(digest).length > 100 ? `${JSON.stringify(digest).slice(0, 97)}...` : `"${digest}"`;
    expect(ofFrontend({ commit: commitA, digest }).message).toBe(
      `deploy.json: environments.prod.frontend.digest: found ${shown}; ${wholeDigest}`,
    );
  },
);

describe("service", () => {
  const prod =
    "backend-core, frontend, baidu-netdisk, project-manager, oa-event-flow, todo-note, code-queue-mgr, decision-center, mdtodo, claudeqq, findjob, pipeline, met-nonlinear, k3sctl-adapter";
  const pinned = (environment: string, service: string) =>
    refusal({ version: 1, environments: { [environment]: { [service]: { commit: commitA } } } });

  test.each(["frontned", "constructor"])("fails if %s is not in the catalog", (service) => {
    const { message, exitCode } = pinned("prod", service);
    expect(message).toBe(
      [
        `deploy.json: environments.prod.${service}: unknown service`,
        `  found:   ${service}`,
        `  allowed: ${prod}`,
        "  remedy:  correct the name, or add the service to lib/catalog/services.ts and CI.json",
      ].join("\n"),
    );
    expect(exitCode).toBe(2);
  });

  test("fails if it has no consumer in that environment", () => {
    const { message, exitCode } = pinned("dev", "todo-note");
    expect(message).toBe(
      [
        "deploy.json: environments.dev.todo-note: todo-note has no consumer in dev",
        "  found:   todo-note",
        "  allowed: backend-core, frontend, baidu-netdisk, decision-center, mdtodo, claudeqq, findjob, pipeline, met-nonlinear, code-queue",
        "  remedy:  remove environments.dev.todo-note",
      ].join("\n"),
    );
    expect(exitCode).toBe(2);
  });

  test("fails if it is code-queue in prod, with its decision", () => {
    const { message, exitCode } = pinned("prod", "code-queue");
    expect(message).toBe(
      [
        'deploy.json: environments.prod.code-queue: decision: "unsupported": production code-queue has no artifact consumer; its scheduler, runner and tasks are never deployed from here',
        "  found:   code-queue",
        `  allowed: ${prod}`,
        "  remedy:  remove environments.prod.code-queue",
      ].join("\n"),
    );
    expect(exitCode).toBe(2);
  });

  test("fails if it is not a service id, and says what one is", () => {
    expect(pinned("prod", "Front_End").message).toContain(
      "environments.prod.Front_End: must be a service id: lowercase words joined by dashes",
    );
  });
});

describe("the file", () => {
  test.each([
    ["at the top", { ...deployJson({ commit: commitA }), extra: 1 }, 'deploy.json: unknown "extra"'],
    [
      "for an environment",
      { version: 1, environments: { staging: {} } },
      'deploy.json: environments: unknown "staging"',
    ],
    [
      "in a pin",
      deployJson({ commit: commitA, tag: "v1", branch: "master" }),
      'deploy.json: environments.prod.frontend: unknown "tag", "branch"',
    ],
  ])("fails if there is an unknown key %s", (_, content, text) => {
    expect(refusal(content).message).toContain(text);
  });

  test.each([2, "1"])("fails if the version is %j", (version) => {
    expect(refusal({ version, environments: {} }).message).toBe(
      `deploy.json: version: found ${JSON.stringify(version)}; must be 1, the only version of this file`,
    );
  });

  test("fails if the version is missing", () => {
    expect(refusal({ environments: {} }).message).toBe(
      "deploy.json: version: is missing; must be 1, the only version of this file",
    );
  });

  test("fails with every error at once", () => {
    const { message } = refusal({
      version: 3,
      environments: { prod: { frontend: { commit: "latest", digest: "none" } } },
    });
    expect(message.split("\n")).toEqual([
      "deploy.json: version: found 3; must be 1, the only version of this file",
      `deploy.json: environments.prod.frontend.commit: found "latest"; ${wholeCommit}`,
      `deploy.json: environments.prod.frontend.digest: found "none"; ${wholeDigest}`,
    ]);
  });

  test("fails under the name that it was read by", () => {
    const parsed = parseJson(
      '{"version":1,"environments":{"prod":{"nope":{"commit":"COMMIT"}}}}'.replace("COMMIT", commitA),
      "x",
      DeployFile,
    );
    expect(failureOf(() => resolvePins(parsed, "pins/other.json")).message).toMatch(
      /^pins\/other\.json: environments\.prod\.nope: unknown service\n/,
    );
  });
});
