import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Site } from "../../lib/config/site.ts";
import { Commit } from "../../lib/config/values.ts";
import { imageLabels } from "../../lib/labels.ts";
import { publishArtifact } from "../../lib/publish/publish.ts";
import type { Artifact, RegistryClient } from "../../lib/registry/client.ts";
import { buildEntry, digestA, digestB, hostsJson, rejectionOf, siteOf, tempFolder, write } from "../support.ts";

const { PATH } = process.env;
let home: string;
let site: Site;
let server: Server;
let commit: Commit;
let repository: string;
/** The registry has the tag where this file is there; the docker of this test pushes by making it. */
let pushed: string;
/** What the registry says that it has, look by look. */
let looks: boolean[];
/** Layers that the registry lost. */
let missing: { readonly digest: string }[];

beforeAll(async () => {
  server = createServer((_, response) => response.writeHead(existsSync(pushed) ? 200 : 404).end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

beforeEach(() => {
  home = tempFolder();
  missing = [];
  pushed = join(home, "pushed");
  program("docker", `case $1 in build) cat >/dev/null ;; push) touch ${pushed} ;; esac`);
  process.env.PATH = `${home}/bin:${PATH}`;
  repository = join(home, "git");
  const git = (args: readonly string[], input?: string) =>
    execFileSync("git", ["-C", repository, "-c", "user.name=t", "-c", "user.email=t@example.org", ...args], {
      encoding: "utf8",
      ...(input ? { input } : {}),
    }).trim();
  execFileSync("git", ["init", "--quiet", "--bare", repository]);
  const blob = git(["hash-object", "-w", "--stdin"], "FROM scratch\n");
  git(["read-tree", "--empty"]);
  git(["update-index", "--add", "--cacheinfo", `100644,${blob},${buildEntry("frontend").dockerfile}`]);
  commit = Commit.parse(git(["commit-tree", git(["write-tree"]), "-m", "first"]));
  git(["update-ref", "refs/heads/master", commit]);
  const d601 = {
    ...hostsJson().d601,
    connection: "local",
    home,
    git: { [buildEntry("frontend").sourceRepo]: repository },
  };
  const { port } = server.address() as { port: number };
  site = siteOf({ hosts: { ...hostsJson(), d601 }, registry: { port } });
});
afterEach(() => {
  process.env.PATH = PATH;
});

function program(name: string, script: string): void {
  chmodSync(write(join(home, "bin"), name, `#!/bin/bash\n${script}\n`), 0o755);
}

function publish(build = buildEntry("frontend")) {
  const labels = { [imageLabels.revision]: commit, [imageLabels.service]: "frontend" };
  const artifact = { digest: digestA, labels, layers: [{ digest: digestB, size: 1 }] } as unknown as Artifact;
  const registry = {
    artifact: async () => (looks.shift() ? artifact : undefined),
    manifestDigest: async () => (looks.shift() ? digestA : undefined),
    missingBlobs: async () => missing.splice(0),
  } as unknown as RegistryClient;
  return publishArtifact(site, registry, build, commit, () => {});
}

const record = () => join(home, ".unidesk", "artifacts", "frontend", `${commit}.json`);

test("what is there is recorded and not built; the record waits for a prune", async () => {
  looks = [true];
  write(home, "pushed", "");
  const lock = write(join(home, ".unidesk", "locks"), "publish", "");
  const prune = spawn("flock", [lock, "bash", "-c", `echo held; sleep 0.7; ls ${record()} 2>&1`]);
  let said = "";
  prune.stdout.on("data", (chunk) => {
    said += chunk;
  });
  await new Promise((resolve) => prune.stdout.once("data", resolve));
  expect(await publish()).toMatchObject({ built: false, summary: { digest: digestA } });
  expect(said).toContain("No such file");
  expect(JSON.parse(readFileSync(record(), "utf8"))).toMatchObject({ serviceId: "frontend", tag: commit });
});

test("fails if what is there is reused for a commit that nobody pushed; nothing is recorded", async () => {
  looks = [true, true];
  execFileSync("git", ["-C", repository, "update-ref", "-d", "refs/heads/master"]);
  const { message, problem } = await rejectionOf(publish());
  expect(message).toContain("no branch or tag reaches it: it was not pushed");
  expect(problem.remedy).toBe(
    `push it to the source repository; where it is pushed, let d601's clone fetch it: git -C ${repository} fetch --prune`,
  );
  expect(existsSync(record())).toBe(false);
});

test("fails if a commit without the Dockerfile shall be pushed again: CI.json or the commit is wrong", async () => {
  looks = [false];
  const { problem } = await rejectionOf(publish({ ...buildEntry("frontend"), dockerfile: "src/Dockerfile" }));
  expect(problem).toMatchObject({
    what: "frontend: the commit has no such Dockerfile",
    remedy: "correct dockerfile in CI.json, or publish a commit that has it",
  });
});

test("fails if what is reused lacks a layer; it is named, and nothing is recorded or overwritten", async () => {
  looks = [true, true];
  missing = [{ digest: digestB }];
  const { problem } = await rejectionOf(publish());
  expect(problem.what).toContain("is published, but the registry lost 1 of its 1 layers");
  expect(problem.found).toBe(`${digestA} without ${digestB}`);
  expect(problem.remedy).toContain("publish a new commit");
  expect([existsSync(pushed), existsSync(record())]).toEqual([false, false]);
});

test("what a prune took away layer by layer is built again", async () => {
  looks = [true, false, false, true];
  missing = [{ digest: digestB }];
  expect(await publish()).toMatchObject({ built: true });
});

test("fails if what a prune took away since it was looked at is reused", async () => {
  looks = [true, false, true];
  expect(await publish()).toMatchObject({ built: true });
  expect([existsSync(pushed), existsSync(record())]).toEqual([true, true]);
});

test("fails if what was pushed is not there; nothing is recorded", async () => {
  looks = [false, true];
  program("docker", `case $1 in build) cat >/dev/null ;; esac`);
  expect((await rejectionOf(publish())).message).toContain("the registry lost 127.0.0.1:5000/unidesk/frontend");
  expect(existsSync(record())).toBe(false);
});

test.each([
  [
    "another publisher",
    1,
    "[ $# != 3 ]",
    "another publisher of the service is not done; nothing was built",
    "wait for the",
  ],
  [
    "a prune",
    3,
    "[ $2 != -s ] && [ $3 != -s ]",
    "but a prune keeps the registry read-only; its tag is",
    "registry status",
  ],
])("fails if it has to wait too long for %s, with a remedy", async (_, exitCode, flock, what, remedy) => {
  looks = [false];
  program("flock", flock);
  const error = await rejectionOf(publish());
  expect(error.exitCode).toBe(exitCode);
  expect(error.message).toContain(`frontend: `);
  expect(error.message).toContain(what);
  expect(error.problem.remedy).toContain(remedy);
  rmSync(join(home, "bin", "flock"));
});
