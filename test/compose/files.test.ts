import { mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { composeFilesFunctions } from "../../lib/compose/files.ts";
import { resolvedConfigFunctions } from "../../lib/compose/resolved.ts";
import { bash, tempFolder, write } from "../support.ts";

/** What Docker is called with, one word a line, and what it sees of the environment. */
function called(call: string, args: readonly string[]) {
  const docker = write(tempFolder(), "docker", `#!/bin/sh\nprintf '%s\\n' "$@" "$PWD" "SECRET=$SECRET"\n`);
  const script = `chmod +x ${docker}\nexport SECRET=leak PATH=${dirname(docker)}:$PATH\n${composeFilesFunctions}\n${resolvedConfigFunctions}\n${call}`;
  const { exitCode, stdout } = bash(script, args);
  expect(exitCode).toBe(0);
  return stdout.toString().split("\n");
}

describe("Compose is called", () => {
  const root = tempFolder();
  const project = ["--project-name", "unidesk", "--project-directory", root];

  test("with one file, relative to the project's folder, and without our environment", () => {
    const words = called('project_compose 9 unidesk "$1" docker-compose.yml /srv/env up -d', [root]);
    const file = ["-f", `${root}/docker-compose.yml`, "--env-file", "/srv/env"];
    expect(words).toEqual(["compose", ...project, ...file, "up", "-d", root, "SECRET=", ""]);
  });

  test("with several files in their order", () => {
    const words = called(`project_compose 9 unidesk "$1" $'a.yml\\n/etc/b c.yml' /srv/env config`, [root]);
    expect(words.slice(5, 9)).toEqual(["-f", `${root}/a.yml`, "-f", "/etc/b c.yml"]);
  });

  test("with every profile where it is asked what a service would be", () => {
    const words = called('resolved_project unidesk "$1" docker-compose.yml "$1/env"', [root]);
    expect(words.slice(-6)).toEqual(["--profile", "*", "config", root, "SECRET=", ""]);
  });
});

describe("files that a recreate would leave out", () => {
  const root = tempFolder();
  const real = join(root, "real");
  mkdirSync(real);
  symlinkSync("real", join(root, "link"));
  const forgotten = (label: string, files = "docker-compose.yml") => {
    const { stdout } = bash(`${composeFilesFunctions}\nforgotten_files "$1" "$2" "$3" /jobs`, [label, real, files]);
    return stdout.toString();
  };
  const main = `${real}/docker-compose.yml`;

  test.each([
    ["the declared one", main],
    ["the same by a link", `${root}/link/docker-compose.yml`],
    ["a relative one", "docker-compose.yml"],
    ["our labels", `${main},/jobs/unidesk/frontend/1/labels.yml`],
    ["no label", ""],
  ])("none: %s", (_, label) => expect(forgotten(label)).toBe(""));

  test.each([
    ["an override", `${main},${real}/docker-compose.override.yml`, `${real}/docker-compose.override.yml\n`],
    ["another file altogether", `${real}/compose.yml`, `${real}/compose.yml\n`],
    ["somebody else's labels", `${main},${real}/labels.yml`, `${real}/labels.yml\n`],
  ])("%s", (_, label, expected) => expect(forgotten(label)).toBe(expected));

  test("none of several that are declared", () => {
    expect(forgotten(`${main},${real}/b.yml`, "docker-compose.yml\nb.yml")).toBe("");
  });
});
