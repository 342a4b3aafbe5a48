import { execFileSync, spawn } from "node:child_process";
import { createServer, type Server } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { alreadyPublished, buildRefusals, buildScript, registrySilent } from "../../lib/publish/build-script.ts";
import { containsScript } from "../../lib/publish/selection.ts";
import { bash, commitA, tempFolder } from "../support.ts";

let repository: string;
let pushed: string;
let unreachable: string;
let proposed: string;
let tagObject: string;
let server: Server;
let manifest: string;
let status = 404;

beforeAll(async () => {
  repository = tempFolder();
  // Input only for those that read it: git may be gone before the rest is written.
  const git = (args: readonly string[], input?: string) =>
    execFileSync("git", ["-C", repository, "-c", "user.name=t", "-c", "user.email=t@example.org", ...args], {
      encoding: "utf8",
      ...(input ? { input } : {}),
    }).trim();
  git(["init", "--quiet", "--bare"]);
  const blob = git(["hash-object", "-w", "--stdin"], "FROM scratch\n");
  const tree = git(["mktree"], `100644 blob ${blob}\tDockerfile\n`);
  pushed = git(["commit-tree", tree, "-m", "pushed"]);
  unreachable = git(["commit-tree", tree, "-m", "on nobody's branch"]);
  git(["update-ref", "refs/heads/release/v1", pushed]);
  // As a mirror of a platform has it.
  proposed = git(["commit-tree", tree, "-p", pushed, "-m", "a pull request's"]);
  git(["update-ref", "refs/pull/1/head", proposed]);
  git(["tag", "-a", "-m", "a tag", "v1", pushed]);
  tagObject = git(["rev-parse", "v1"]);

  server = createServer((_, response) => response.writeHead(status).end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  manifest = `http://127.0.0.1:${port}/v2/unidesk/frontend/manifests/`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

/** Not spawnSync: the registry is in this process. */
function build(commit: string, dockerfile = "Dockerfile"): Promise<{ exitCode: number | null; stderr: string }> {
  const args = [`${repository}/locks/publish-frontend`, repository, commit, dockerfile, "unidesk-test/none:none"];
  const rest = [manifest + commit, `${repository}/no-tag`, "1", "a=b"];
  const child = spawn("bash", ["-c", buildScript, "unidesk", ...args, ...rest], { stdio: "pipe" });
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve) => child.on("close", (exitCode) => resolve({ exitCode, stderr })));
}

test("fails if the commit is not in the repository", async () => {
  const { exitCode } = await build(commitA);
  expect(buildRefusals[exitCode ?? 0]).toBe("the commit is not in the repository on D601");
});

test("fails if no branch or tag reaches the commit", async () => {
  const { exitCode } = await build(unreachable);
  expect(buildRefusals[exitCode ?? 0]).toBe("the commit is there but no branch or tag reaches it: it was not pushed");
});

test("fails if a pull request's head counts as pushed", async () => {
  expect((await build(proposed)).exitCode).toBe(21);
});

test("fails if a tag object counts as the commit that it names, or a replacement as what it replaces", async () => {
  expect((await build(tagObject)).exitCode).toBe(20);
  const numbers = (commit: string) => bash(containsScript, [commit, repository]).stdout.toString();
  expect([numbers(pushed), numbers(tagObject), numbers(commitA)]).toEqual(["0\n", "", ""]);
  execFileSync("git", ["-C", repository, "replace", unreachable, pushed]);
  expect((await build(unreachable)).exitCode).toBe(21);
});

test("fails if the commit has no such Dockerfile", async () => {
  const { exitCode } = await build(pushed, "src/Dockerfile");
  expect(buildRefusals[exitCode ?? 0]).toBe("the commit has no such Dockerfile");
});

test.each([
  [503, registrySilent],
  [401, 1],
])("fails if the registry answers %i, which is neither yes nor no; nothing is built", async (answer, exitCode) => {
  status = answer;
  expect(await build(pushed)).toEqual({
    exitCode,
    stderr: `the registry answered ${answer} to HEAD ${manifest}${pushed}\n`,
  });
});

test("a registry that comes back is waited for", async () => {
  status = 503;
  const waiting = build(pushed);
  setTimeout(() => {
    status = 200;
  }, 300);
  expect(await waiting).toEqual({ exitCode: alreadyPublished, stderr: "" });
});

test("a tag that is there is left alone; nothing is built", async () => {
  status = 200;
  expect(await build(pushed)).toEqual({ exitCode: alreadyPublished, stderr: "" });
});
