import { describe, expect, test } from "vitest";
import { controlledEnvFile } from "../../lib/compose/config-json.ts";
import type { ComposeTarget } from "../../lib/steps/specs.ts";
import { localHost, rejectionOf, tempFolder, write } from "../support.ts";

const local = localHost("/home/ubuntu");

function targetWith(envFile: ComposeTarget["envFile"]): ComposeTarget {
  return {
    host: "main-server",
    container: "unidesk-frontend",
    composeService: "frontend",
    stableImage: "unidesk-frontend",
    project: "unidesk",
    root: "/srv/unidesk",
    file: "docker-compose.yml",
    envFile,
    health: { port: 8080, path: "/health", deadlineSeconds: 60 },
  };
}

function ofConfig(content: string | object) {
  const configJson = write(tempFolder(), "config.json", content);
  return { configJson, found: controlledEnvFile(local, targetWith({ configJson })) };
}
const naming = (composeEnvFile: unknown) => ({
  auth: { password: "hunter2" },
  providerGateway: { upgrade: { composeEnvFile, other: 1 } },
});

test("a path of the site is taken as it is", async () => {
  expect(await controlledEnvFile(local, targetWith({ path: "/srv/x.env" }))).toBe("/srv/x.env");
});

test("config.json names it, absolutely or relative to the project", async () => {
  expect(await ofConfig(naming("/etc/unidesk.env")).found).toBe("/etc/unidesk.env");
  expect(await ofConfig(naming(".state/compose.env")).found).toBe("/srv/unidesk/.state/compose.env");
});

describe("fails without showing a part of it", () => {
  test.each([
    ["if the name is missing", { auth: { password: "hunter2" } }],
    ["if the name is empty", naming("")],
    ["if the name is no text", naming(["hunter2"])],
    ["if it is not JSON", '{"auth":{"password":"hunter2"'],
    ["if it is empty", ""],
  ])("%s", async (_, content) => {
    const { configJson, found } = ofConfig(content);
    const { message } = await rejectionOf(found);
    expect(message).toBe(
      [
        `d601: ${configJson} does not name the controlled env file`,
        "  allowed: JSON with providerGateway.upgrade.composeEnvFile, a path",
        `  remedy:  correct ${configJson} on that host`,
      ].join("\n"),
    );
  });

  test("if it is not there", async () => {
    const { message } = await rejectionOf(controlledEnvFile(local, targetWith({ configJson: "/nowhere/config.json" })));
    expect(message).toBe(
      "d601: could not read /nowhere/config.json (exit 1)\n  found:   cat: /nowhere/config.json: No such file or directory",
    );
  });
});
