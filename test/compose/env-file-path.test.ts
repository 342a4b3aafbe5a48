import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { controlledEnvFileFunction } from "../../lib/compose/env-file-path.ts";
import { bash, tempFolder, write } from "../support.ts";

/** A PATH with what the function may use and nothing else. */
function pathOf(...commands: string[]): string {
  const folder = tempFolder();
  for (const command of commands) {
    symlinkSync(bash(`command -v ${command}`).stdout.toString().trim(), join(folder, command));
  }
  return folder;
}
const tools = ["tr", "grep", "sed"];
const hasJq = bash("command -v jq").exitCode === 0;

function ask(file: string, configJson: string, path: string) {
  const script = `PATH=$4\n${controlledEnvFileFunction}\ncontrolled_env_file "$1" "$2" "$3"`;
  const { exitCode, stdout, stderr } = bash(script, [file, configJson, "/srv/unidesk", path]);
  return { exitCode, stdout: stdout.toString(), stderr };
}
const naming = (composeEnvFile: unknown) => ({
  auth: { password: "hunter2" },
  providerGateway: { upgrade: { composeEnvFile, other: 1 } },
});
const found = (stdout: string) => ({ exitCode: 0, stdout: `${stdout}\n`, stderr: "" });

test("a path of the site is taken as it is; config.json is not read", () => {
  expect(ask("/srv/x y.env", "/nowhere/config.json", "/nowhere")).toEqual(found("/srv/x y.env"));
});

describe.each([
  ["with jq", hasJq, () => pathOf(...tools, "jq")],
  ["without jq", true, () => pathOf(...tools)],
])("%s", (_, possible, path) => {
  const ofConfig = (content: string | object) => {
    const configJson = write(tempFolder(), "config.json", content);
    return { configJson, ...ask("", configJson, path()) };
  };

  test.runIf(possible).each([
    ["absolutely", "/etc/unidesk.env", "/etc/unidesk.env"],
    ["relative to the project", ".state/compose.env", "/srv/unidesk/.state/compose.env"],
    ["with a blank", "/srv/my state/x.env", "/srv/my state/x.env"],
  ])("config.json names it, %s", (__, name, path) => {
    expect(ofConfig(naming(name))).toMatchObject(found(path));
    expect(ofConfig(JSON.stringify(naming(name)))).toMatchObject(found(path));
  });

  test.runIf(possible).each([
    ["the name is missing", { auth: { password: "hunter2" } }],
    ["the name is empty", naming("")],
    ["the name is no text", naming(["hunter2"])],
    ["it is not JSON", '{"auth":{"password":"hunter2"'],
    ["it is empty", ""],
  ])("fails if %s, without showing a part of it", (__, content) => {
    const { configJson, ...result } = ofConfig(content);
    expect(result).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `${configJson} does not name the controlled env file; allowed: JSON with providerGateway.upgrade.composeEnvFile, a path; remedy: correct ${configJson} on this host\n`,
    });
  });

  test.runIf(possible)("fails if config.json is not there", () => {
    const { exitCode, stderr } = ask("", "/nowhere/config.json", path());
    expect(stderr).toContain("/nowhere/config.json");
    expect(exitCode).toBe(1);
  });
});
