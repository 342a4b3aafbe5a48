import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { fingerprintPath, resolvedConfigFunctions } from "../../lib/compose/resolved.ts";
import { bash, tempFolder } from "../support.ts";

let home: string;
beforeEach(() => {
  home = tempFolder();
});

/** As `docker compose config` prints a project. */
const project = (changes: Record<string, string> = {}) => `name: unidesk
services:
  backend-core:
    environment:
      LEVEL: ${changes.backend ?? "info"}
    image: unidesk-backend-core
  frontend:
    environment:
      LEVEL: ${changes.level ?? "info"}
      UNIDESK_DEPLOY_COMMIT: ${changes.commit ?? "a"}
      UNIDESK_FRONTEND_DEPLOY_REQUESTED_COMMIT: ${changes.commit ?? "a"}
    image: ${changes.image ?? "unidesk-frontend"}
networks:
  default:
    name: ${changes.network ?? "unidesk_default"}
`;

function fingerprint(text: string, service = "frontend", at = home) {
  const script = `HOME=$2\n${resolvedConfigFunctions}\nservice_fingerprint "$1"`;
  const { exitCode, stdout, stderr } = bash(script, [service, at], text);
  expect(stderr).toBe("");
  return { exitCode, hash: stdout.toString().trim() };
}

test("is a hash, and the same again", () => {
  const { exitCode, hash } = fingerprint(project());
  expect(exitCode).toBe(0);
  expect(hash).toMatch(/^[0-9a-f]{64}$/);
  expect(fingerprint(project()).hash).toBe(hash);
});

describe("does not change with", () => {
  test.each([
    ["our own deploy keys", { commit: "b" }],
    ["another service", { backend: "debug" }],
    ["what is outside of the services", { network: "other" }],
  ])("%s", (_, changes) => expect(fingerprint(project(changes)).hash).toBe(fingerprint(project()).hash));
});

test.each([{ level: "debug" }, { image: "other" }])("changes with %j", (changes) => {
  expect(fingerprint(project(changes)).hash).not.toBe(fingerprint(project()).hash);
});

test("is another one on another host: nobody can guess an environment from it", () => {
  expect(fingerprint(project(), "frontend", tempFolder()).hash).not.toBe(fingerprint(project()).hash);
});

test("the host's secret is made once, for its owner only", () => {
  fingerprint(project());
  const file = join(home, ".unidesk", "host-secret");
  const secret = readFileSync(file, "utf8");
  fingerprint(project());
  expect(readFileSync(file, "utf8")).toBe(secret);
  expect(Buffer.from(secret, "base64")).toHaveLength(32);
  expect((statSync(file).mode & 0o777).toString(8)).toBe("600");
});

test.each(["front", "frontend-2", "services"])("fails if there is no service %s", (service) => {
  expect(fingerprint(project(), service)).toEqual({ exitCode: 1, hash: "" });
});

test("lies under its project and service", () => {
  expect(fingerprintPath("/home/ubuntu", "unidesk", "frontend")).toBe(
    "/home/ubuntu/.unidesk/resolved/unidesk/frontend",
  );
});
