import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { examineScript } from "../../lib/doctor/host.ts";
import { parseProbes } from "../../lib/observe/probe.ts";
import { bash, hostsJson, siteOf, tempFolder, write } from "../support.ts";

const root = tempFolder();
const main = write(root, "docker-compose.yml", "");
write(root, "compose.env", "");

/** One probe of a look at main-server, with some commands as shell functions. */
function look(probe: string, commands: string, file: string | readonly string[] = "docker-compose.yml") {
  const hosts = hostsJson();
  const compose = { ...hosts["main-server"].compose, root, file, envFile: join(root, "compose.env") };
  const site = siteOf({ hosts: { ...hosts, "main-server": { ...hosts["main-server"], compose } } });
  const script = `docker() { :; }; timeout() { :; }\n${commands}\n${examineScript(site, "main-server")}`;
  return parseProbes(bash(script).stdout.toString(), "main-server").get(probe);
}

describe("sudo", () => {
  const user = "id() { echo 1000; }";
  const without = 'command() { [ "$2" != sudo ]; }';
  test.each([
    ["root needs none, also where it is not installed", `id() { echo 0; }; ${without}`, 0, "not needed: root\n"],
    ["a user has it", `${user}; sudo() { :; }`, 0, "passwordless\n"],
    ["it is not installed", `${user}; ${without}`, 1, "not installed\n"],
    ["it asks", `${user}; sudo() { echo password >&2; return 1; }`, 1, ""],
  ])("%s", (_, commands, exitCode, text) => expect(look("sudo", commands)).toEqual({ exitCode, text }));
});

describe("Compose files", () => {
  test.each([
    ["relative to root", "docker-compose.yml", main],
    ["absolute", main, main],
    ["several", ["docker-compose.yml", main], `${main} ${main}`],
  ])("are found: %s", (_, file, found) => {
    expect(look("compose", "", file)).toEqual({ exitCode: 0, text: `${found}\n` });
  });

  test.each([["gone.yml"], [["docker-compose.yml", "gone.yml"]]])("fails if one of %j is not there", (file) => {
    expect(look("compose", "", file)).toEqual({ exitCode: 1, text: `${root}/gone.yml cannot be read\n` });
  });
});
