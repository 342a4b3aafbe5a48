import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
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

describe("Git repositories", () => {
  const repositories = tempFolder();
  const git = (...args: string[]) =>
    execFileSync("git", ["-C", repositories, "-c", "user.name=t", "-c", "user.email=t@example.org", ...args]);
  const clone = (name: string, ...options: string[]) =>
    git("clone", "--quiet", ...options, `${repositories}/origin`, name);
  beforeAll(() => {
    git("init", "--quiet", "origin");
    git("-C", "origin", "commit", "--quiet", "--allow-empty", "-m", "first");
    clone("mirror", "--mirror");
    clone("bare", "--bare");
    clone("work");
    git("init", "--quiet", "--bare", "pushed-to");
    clone("heads", "--bare");
    git("-C", "heads", "config", "remote.origin.fetch", "+refs/heads/*:refs/heads/*");
  });
  function repositoriesOf(...names: string[]) {
    const hosts = hostsJson();
    const paths = names.map((name, index) => [`https://example.org/${index}`, join(repositories, name)] as const);
    const site = siteOf({ hosts: { ...hosts, d601: { ...hosts.d601, git: Object.fromEntries(paths) } } });
    const script = `docker() { :; }; timeout() { :; }\n${examineScript(site, "d601")}`;
    return parseProbes(bash(script).stdout.toString(), "d601").get("git");
  }

  test("mirrors, and repositories that are pushed to", () => {
    expect(repositoriesOf("mirror", "heads", "pushed-to")).toEqual({ exitCode: 0, text: "3 found\n" });
  });

  test("fails if a clone's branches never move", () => {
    expect(repositoriesOf("mirror", "bare")).toMatchObject({
      exitCode: 1,
      text: expect.stringContaining(`a fetch into ${repositories}/bare moves none of its branches`),
    });
  });

  test("fails if the commands cannot read a clone that doctor can", () => {
    expect(repositoriesOf("work")).toMatchObject({
      exitCode: 1,
      text: expect.stringContaining(`${repositories}/work is no bare repository`),
    });
  });
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
