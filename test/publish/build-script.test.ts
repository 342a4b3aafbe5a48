import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  alreadyPublished,
  buildRefusals,
  buildScript,
  checkScript,
  pushFailed,
  registrySilent,
} from "../../lib/publish/build-script.ts";
import { containsScript } from "../../lib/publish/selection.ts";
import { bash, commitA, tempFolder, write } from "../support.ts";

let repository: string;
let pushed: string;
let unreachable: string;
let proposed: string;
let tagObject: string;
let server: Server;
let manifest: string;
let status = 404;
/** The registry has the tag from when on this file is there. */
let taken: string;

// Input only for those that read it: git may be gone before the rest is written.
function gitIn(folder: string, args: readonly string[], input?: string | Uint8Array): string {
  return execFileSync("git", ["-C", folder, "-c", "user.name=t", "-c", "user.email=t@example.org", ...args], {
    encoding: "utf8",
    ...(input ? { input } : {}),
  }).trim();
}
const git = (args: readonly string[], input?: string) => gitIn(repository, args, input);

beforeAll(async () => {
  repository = tempFolder();
  taken = join(tempFolder(), "taken");
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

  server = createServer((_, response) => response.writeHead(existsSync(taken) ? 200 : status).end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  manifest = `http://127.0.0.1:${port}/v2/unidesk/frontend/manifests/`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
afterEach(() => {
  status = 404;
  rmSync(taken, { force: true });
});

interface Build {
  readonly dockerfile?: string;
  readonly from?: string;
  /** What `docker` does; its argument is `build` or `push`. @default - the real one */
  readonly docker?: string;
}

/** Not spawnSync: the registry is in this process. */
function build(
  commit: string,
  { dockerfile = "Dockerfile", from = repository, docker }: Build = {},
): Promise<{ exitCode: number | null; stderr: string }> {
  const bin = tempFolder();
  if (docker) chmodSync(write(bin, "docker", `#!/bin/bash\n${docker}\n`), 0o755);
  const args = [`${repository}/locks/publish-frontend`, from, commit, dockerfile, "unidesk-test/none:none"];
  const rest = [manifest + commit, `${repository}/no-tag`, "1", "a=b"];
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` };
  const child = spawn("bash", ["-c", buildScript, "unidesk", ...args, ...rest], { stdio: "pipe", env });
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
  const { exitCode } = await build(pushed, { dockerfile: "src/Dockerfile" });
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

test("fails if a tag that appears during the build is overwritten", async () => {
  const docker = `case $1 in build) cat >/dev/null; touch ${taken} ;; push) touch ${taken}.pushed ;; esac`;
  expect(await build(pushed, { docker })).toEqual({ exitCode: alreadyPublished, stderr: "" });
  expect(existsSync(`${taken}.pushed`)).toBe(false);
});

test("a push whose answer was lost is not repeated: the tag is there", async () => {
  const docker = `case $1 in build) cat >/dev/null ;; push) echo >> ${taken}; exit 1 ;; esac`;
  expect((await build(pushed, { docker })).exitCode).toBe(0);
  expect(readFileSync(taken, "utf8")).toBe("\n");
});

test("a registry that goes away before the push did not take it", async () => {
  const docker = `case $1 in build) cat >/dev/null; echo built >&2; sleep 1 ;; push) touch ${taken}.pushed ;; esac`;
  const building = build(pushed, { docker });
  setTimeout(() => {
    status = 503;
  }, 500);
  expect((await building).exitCode).toBe(pushFailed);
  expect(existsSync(`${taken}.pushed`)).toBe(false);
});

test("a tag that is there is left alone; nothing is built", async () => {
  status = 200;
  expect(await build(pushed)).toEqual({ exitCode: alreadyPublished, stderr: "" });
});

describe("the image is the commit", () => {
  interface Entry {
    readonly path: string;
    readonly bytes: string | Uint8Array;
    readonly mode?: string;
  }
  /** A pushed commit of these files. */
  function commitOf(files: readonly Entry[], branch: string): string {
    const index = `${tempFolder()}/index`;
    const run = (args: readonly string[], input?: string | Uint8Array) => {
      const env = { ...process.env, GIT_INDEX_FILE: index };
      const options = { encoding: "utf8", env, ...(input ? { input } : {}) } as const;
      return execFileSync("git", ["-C", repository, ...args], options).trim();
    };
    for (const { path, bytes, mode = "100644" } of [{ path: "Dockerfile", bytes: "FROM scratch\n" }, ...files]) {
      const object = mode === "160000" ? commitA : run(["hash-object", "-w", "--stdin"], bytes);
      run(["update-index", "--add", "--cacheinfo", `${mode},${object},${path}`]);
    }
    const commit = git(["commit-tree", run(["write-tree"]), "-m", branch]);
    git(["update-ref", `refs/heads/${branch}`, commit]);
    return commit;
  }
  const attributes = (lines: string): Entry => ({ path: ".gitattributes", bytes: `${lines}\n` });
  /** The build context that docker was given, unpacked. */
  async function contextOf(commit: string, from = repository): Promise<string> {
    const folder = tempFolder();
    const result = await build(commit, { from, docker: `if [ $1 = build ]; then tar -x -C ${folder}; fi` });
    expect(result).toEqual({ exitCode: 0, stderr: "" });
    return folder;
  }

  const files = {
    "left-out.txt": "a test's fixture\n",
    "version.txt": "$Format:%H$\n",
    "ident.txt": "$Id$\n",
    "crlf.txt": "one\ntwo\n",
    "wide.txt": "wide\n",
    "filtered.txt": "plain\n",
  };
  const twisted = () =>
    commitOf(
      [
        attributes(
          [
            ...["left-out.txt export-ignore", "version.txt export-subst", "ident.txt ident", "crlf.txt text eol=crlf"],
            ...["wide.txt text working-tree-encoding=UTF-16", "filtered.txt filter=upper"],
          ].join("\n"),
        ),
        ...Object.entries(files).map(([path, bytes]) => ({ path, bytes })),
      ],
      "twisted",
    );

  test("fails if an attribute leaves out a file or changes its bytes", async () => {
    const commit = twisted();
    git(["config", "filter.upper.smudge", "tr a-z A-Z"]);
    git(["config", "core.autocrlf", "true"]);
    mkdirSync(join(repository, "info"), { recursive: true });
    write(repository, "info/attributes", "Dockerfile export-ignore\n");
    const folder = await contextOf(commit);
    rmSync(join(repository, "info/attributes"));
    git(["config", "--unset", "core.autocrlf"]);
    const found = Object.keys(files).map((name) => [
      name,
      existsSync(join(folder, name)) ? readFileSync(join(folder, name), "utf8") : "nothing",
    ]);
    expect(Object.fromEntries(found)).toEqual(files);
    expect(readdirSync(folder).sort()).toEqual([".gitattributes", "Dockerfile", ...Object.keys(files)].sort());
  });

  test("a clone with a work tree does as well, and nothing of its work tree takes part", async () => {
    const clone = join(tempFolder(), "clone");
    const commit = twisted();
    execFileSync("git", ["clone", "--quiet", "--branch", "twisted", repository, clone]);
    write(clone, "version.txt", "changed\n");
    write(clone, "untracked.txt", "untracked\n");
    const folder = await contextOf(commit, clone);
    expect(readFileSync(join(folder, "version.txt"), "utf8")).toBe(files["version.txt"]);
    expect(existsSync(join(folder, "untracked.txt"))).toBe(false);
  });

  test("no folder is left behind", async () => {
    const temporary = tempFolder();
    const { exitCode } = bash(`export TMPDIR=$4\n${checkScript}`, [repository, pushed, "Dockerfile", temporary]);
    expect([exitCode, readdirSync(temporary)]).toEqual([0, []]);
  });

  test("fails if a partial clone, which lacks files until they are asked for, ends as a failed build", async () => {
    const clone = join(tempFolder(), "partial.git");
    execFileSync("git", ["clone", "--quiet", "--mirror", repository, clone]);
    execFileSync("git", ["-C", clone, "config", "remote.origin.promisor", "true"]);
    expect(bash(checkScript, [clone, pushed, "Dockerfile"]).exitCode).toBe(31);
  });

  test("fails if a submodule's files are silently missing", async () => {
    const commit = commitOf([{ path: "vendor/lib", bytes: "", mode: "160000" }], "submodule");
    expect(await build(commit)).toEqual({ exitCode: 29, stderr: "vendor/lib\n" });
    expect(buildRefusals[29]).toContain("submodule");
  });

  test("fails if a pointer of Git LFS stands for its file, wherever the attribute is given", async () => {
    const lfs = "filter=lfs diff=lfs merge=lfs -text";
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${"a".repeat(64)}\nsize 12345\n`;
    const top = commitOf([attributes(`*.bin ${lfs}`), { path: "models/a.bin", bytes: pointer }], "lfs");
    expect(await build(top)).toEqual({ exitCode: 30, stderr: "models/a.bin\n" });
    const macro = [attributes(`[attr]large ${lfs}`), { path: "models/.gitattributes", bytes: "*.bin large\n" }];
    const below = commitOf([...macro, { path: "models/b.bin", bytes: pointer }], "lfs-below");
    expect(await build(below)).toEqual({ exitCode: 30, stderr: "models/b.bin\n" });
    const unused = commitOf([attributes(`*.bin ${lfs}`), { path: "models/a.txt", bytes: "text\n" }], "lfs-unused");
    expect((await build(unused, { docker: "[ $1 != build ] || cat >/dev/null" })).exitCode).toBe(0);
  });
});

test("fails if the beginning of a longer name counts as a commit", async () => {
  const long = tempFolder();
  gitIn(long, ["init", "--quiet", "--bare", "--object-format=sha256"]);
  const blob = gitIn(long, ["hash-object", "-w", "--stdin"], "FROM scratch\n");
  const tree = gitIn(long, ["mktree"], `100644 blob ${blob}\tDockerfile\n`);
  const commit = gitIn(long, ["commit-tree", tree, "-m", "first"]);
  gitIn(long, ["update-ref", "refs/heads/master", commit]);
  const beginning = commit.slice(0, 40);
  expect((await build(beginning, { from: long })).exitCode).toBe(20);
  expect(bash(containsScript, [beginning, long]).stdout.toString()).toBe("");
});
