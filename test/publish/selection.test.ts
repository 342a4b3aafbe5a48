import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import type { Site } from "../../lib/config/site.ts";
import { Commit } from "../../lib/config/values.ts";
import { buildsOfCommit } from "../../lib/publish/selection.ts";
import { buildEntry, commitA, hostsJson, rejectionOf, siteOf, tempFolder } from "../support.ts";

let site: Site;
let frontendOnly: Commit;
let nothing: Commit;
let repository: string;

beforeAll(() => {
  const home = tempFolder();
  repository = join(home, "git");
  execFileSync("git", ["init", "--quiet", "--bare", repository]);
  const git = (args: readonly string[], input?: string) =>
    execFileSync("git", ["-C", repository, "-c", "user.name=t", "-c", "user.email=t@example.org", ...args], {
      encoding: "utf8",
      ...(input ? { input } : {}),
    }).trim();
  const commitOf = (message: string) => Commit.parse(git(["commit-tree", git(["write-tree"]), "-m", message]));
  git(["read-tree", "--empty"]);
  nothing = commitOf("nothing");
  const blob = git(["hash-object", "-w", "--stdin"], "FROM scratch\n");
  git(["update-index", "--add", "--cacheinfo", `100644,${blob},${buildEntry("frontend").dockerfile}`]);
  frontendOnly = commitOf("frontend");
  const { sourceRepo } = buildEntry("frontend");
  const d601 = { ...hostsJson().d601, connection: "local", home, git: { [sourceRepo]: repository } };
  const plain = siteOf({ hosts: { ...hostsJson(), d601 } });
  site = { ...plain, ci: { version: 1, artifacts: [buildEntry("frontend"), buildEntry("mdtodo")] } };
});

test("fails if a service whose Dockerfile the commit lacks is built, or left out without a word", async () => {
  const { builds, leftOut } = await buildsOfCommit(site, frontendOnly);
  expect(builds.map(({ serviceId }) => serviceId)).toEqual(["frontend"]);
  expect(leftOut).toEqual([{ serviceId: "mdtodo", reason: "the commit has no src/components/mdtodo/Dockerfile" }]);
});

test("fails if a commit without any Dockerfile publishes nothing and says nothing", async () => {
  const { problem } = await rejectionOf(buildsOfCommit(site, nothing));
  expect(problem).toMatchObject({
    what: "the commit has the Dockerfile of no service that CI.json builds from its repository",
    found: nothing,
    remedy: "correct dockerfile in CI.json, or publish a commit that has them",
  });
});

test("fails if a commit that no clone has is not looked for there", async () => {
  const { problem } = await rejectionOf(buildsOfCommit(site, Commit.parse(commitA)));
  expect(problem).toMatchObject({
    what: "no source repository on d601 has the commit",
    remedy: `push it to the source repository; where it is pushed, let d601's clones fetch it: git -C ${repository} fetch --prune`,
  });
});
