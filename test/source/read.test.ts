import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { labCommits, unpushedCommit } from "../../lab/commits.ts";
import { Commit } from "../../lib/config/values.ts";
import { readNewest } from "../../lib/source/newest.ts";
import { type CommitFacts, type CommitQuestion, questionKey, readSource } from "../../lib/source/read.ts";
import { hostsJson, siteOf, tempFolder } from "../support.ts";

const url = "https://example.com/repository";

/** A repository of the runner's, asked as if this were d601. */
class Repository {
  readonly folder = tempFolder();
  private time = 1_700_000_000;

  static async make(): Promise<Repository> {
    const repository = new Repository();
    await repository.git("init", "--quiet", "--initial-branch=master");
    return repository;
  }

  async git(...args: readonly string[]): Promise<string> {
    const date = `${this.time++} +0200`;
    const env = {
      PATH: process.env.PATH,
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_CONFIG_NOSYSTEM: "1",
      ...{ GIT_AUTHOR_NAME: "Lyon", GIT_AUTHOR_EMAIL: "lyon@example.com", GIT_AUTHOR_DATE: date },
      ...{ GIT_COMMITTER_NAME: "Lyon", GIT_COMMITTER_EMAIL: "lyon@example.com", GIT_COMMITTER_DATE: date },
    };
    return (await execa("git", ["-C", this.folder, ...args], { env, extendEnv: false })).stdout;
  }

  async commit(message: string, files: Readonly<Record<string, string>> = {}): Promise<Commit> {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(this.folder, path, ".."), { recursive: true });
      writeFileSync(join(this.folder, path), text);
    }
    await this.git("add", "--all");
    await this.git("commit", "--quiet", "--allow-empty", "--allow-empty-message", "-m", message);
    return this.head();
  }

  async head(): Promise<Commit> {
    return Commit.parse(await this.git("rev-parse", "HEAD"));
  }

  async ask(commit: string, from?: string): Promise<CommitFacts> {
    const { facts } = await ask({ [url]: join(this.folder, ".git") }, commit, from);
    return facts;
  }
}

async function ask(git: Readonly<Record<string, string>>, commit: string, from?: string) {
  const hosts = hostsJson();
  const site = siteOf({ hosts: { ...hosts, d601: { ...hosts.d601, connection: "local", git } } });
  const question: CommitQuestion = {
    repository: url,
    commit: Commit.parse(commit),
    ...(from ? { from: Commit.parse(from) } : {}),
  };
  const source = await readSource(site, [question]);
  const facts = source.commits.get(questionKey(question));
  if (!facts) throw new Error("no answer under the question's key");
  return { facts, warnings: source.warnings };
}

describe("readNewest", () => {
  const look = (folder: string, commits: readonly Commit[], service = "frontend") => {
    const hosts = hostsJson();
    const d601 = { ...hosts.d601, connection: "local", git: { [url]: folder } };
    return readNewest(siteOf({ hosts: { ...hosts, d601 } }), [{ service, repository: url, commits }]);
  };

  it("finds the one that comes first from each line's head on, among more than a question each could ask", async () => {
    const repository = await Repository.make();
    const first = await repository.commit("first");
    const second = await repository.commit("second");
    await repository.git("branch", "release/v1");
    const third = await repository.commit("third");
    await repository.commit("fourth");
    const many = Array.from({ length: 2000 }, (_, index) => Commit.parse(index.toString(16).padStart(40, "0")));
    const folder = join(repository.folder, ".git");
    const { newest, warnings } = await look(folder, [...many, first, third, second]);
    expect(newest.get("frontend")).toEqual(
      new Map([
        ["master", third],
        ["release/v1", second],
      ]),
    );
    expect((await look(folder, many)).newest.get("frontend")?.get("master")).toBeUndefined();
    expect((await look(folder, [])).newest.has("frontend")).toBe(true);
    expect(warnings).toEqual([]);
    await repository.git("branch", "-D", "release/v1");
    const without = (await look(folder, [first])).newest.get("frontend");
    expect([without?.get("master"), without?.has("release/v1"), without?.get("release/v1")]).toEqual([
      first,
      true,
      undefined,
    ]);
  });

  it("fails if a repository that cannot be seen, or more than its bound, is guessed about", async () => {
    const commit = labCommits.unidesk.first;
    const lines = (await look("/nonexistent/repository.git", [Commit.parse(commit)])).newest.get("frontend");
    expect([...(lines?.keys() ?? [])]).toEqual([]);
    const { newest, warnings } = await look("/none", Array(50_001).fill(Commit.parse(commit)));
    expect(newest.has("frontend")).toBe(false);
    expect(warnings).toEqual([expect.stringContaining("more than 50000 published commits")]);
  });
});

describe("readSource", () => {
  it("says how one commit leads to another, with the log between them", async () => {
    const repository = await Repository.make();
    const first = await repository.commit("first", { "a.txt": "1" });
    const second = await repository.commit("second", { "a.txt": "2", "b.txt": "2" });
    const forward = await repository.ask(second, first);
    expect(forward).toMatchObject({ state: "known", pushed: true, releaseLines: ["master"], behindReleaseLine: 0 });
    expect(forward).toMatchObject({ relation: "forward", ahead: 1, behind: 0, moreCommits: 0 });
    expect(forward.log).toEqual([
      {
        commit: second,
        subject: "second",
        author: "Lyon",
        date: expect.stringMatching(/^2023-11-14T22:13:\d\dZ$/),
        paths: ["a.txt", "b.txt"],
        morePaths: 0,
        taken: false,
      },
    ]);
    const backward = await repository.ask(first, second);
    expect(backward).toMatchObject({ relation: "backward", ahead: 0, behind: 1, behindReleaseLine: 1 });
    expect(backward.log.map(({ commit, taken }) => [commit, taken])).toEqual([[second, true]]);
    expect(await repository.ask(first, first)).toMatchObject({ relation: "same", log: [] });
  });

  it("reads merges, empty messages, renames and odd paths", async () => {
    const repository = await Repository.make();
    const first = await repository.commit("first", { "old name.txt": "a long enough text to be found again\n" });
    await repository.git("checkout", "--quiet", "-b", "side");
    await repository.commit("", { "line\nend.txt": "x", "-x": "x", "ü/\u001b[31m.txt": "x" });
    await repository.git("mv", "old name.txt", "new name.txt");
    await repository.commit("rename\n\nwith a body");
    await repository.git("checkout", "--quiet", "master");
    await repository.commit("beside", { "z.txt": "z" });
    await repository.git("merge", "--quiet", "--no-ff", "-m", "merge side", "side");
    const { log, relation } = await repository.ask(await repository.head(), first);
    expect(relation).toBe("forward");
    const odd = ["-x", "line?end.txt", "ü/?[31m.txt"];
    const renamed = ["new name.txt", "old name.txt"];
    expect(log.map(({ subject, paths }) => [subject, [...paths].sort()])).toEqual([
      ["merge side", [...odd, ...renamed].sort()],
      ["beside", ["z.txt"]],
      ["rename", renamed],
      ["", odd],
    ]);
  });

  it("says diverged, and shows what comes in and what is taken away", async () => {
    const repository = await Repository.make();
    await repository.commit("first");
    await repository.git("checkout", "--quiet", "-b", "side");
    const side = await repository.commit("side");
    await repository.git("checkout", "--quiet", "master");
    const main = await repository.commit("main");
    const facts = await repository.ask(side, main);
    expect(facts).toMatchObject({ relation: "diverged", ahead: 1, behind: 1, releaseLines: [], pushed: true });
    expect(facts.behindReleaseLine).toBeUndefined();
    expect(facts.log.map(({ subject, taken }) => [subject, taken])).toEqual([
      ["side", false],
      ["main", true],
    ]);
    expect(facts.moreCommits).toBe(0);
  });

  it("stays within its bounds and counts what is beyond them", async () => {
    const repository = await Repository.make();
    const first = await repository.commit("first");
    for (let index = 0; index < 52; index++) await repository.commit(`${index}`);
    const files = Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`${index}.txt`, "x"]));
    const last = await repository.commit("many", files);
    const { log, ahead, moreCommits } = await repository.ask(last, first);
    expect([log.length, ahead, moreCommits]).toEqual([50, 53, 3]);
    expect([log[0]?.paths.length, log[0]?.morePaths]).toEqual([20, 5]);
    await repository.git("checkout", "--quiet", "-b", "side", first);
    const side = await repository.commit("side");
    const diverged = await repository.ask(side, last);
    expect([diverged.log.length, diverged.ahead, diverged.behind, diverged.moreCommits]).toEqual([51, 1, 53, 3]);
  });

  it("fails if a commit that nobody pushed counts as pushed", async () => {
    const repository = await Repository.make();
    await repository.commit("first");
    await repository.git("checkout", "--quiet", "--detach");
    const loose = await repository.commit("loose");
    expect(await repository.ask(loose)).toMatchObject({ state: "known", pushed: false, releaseLines: [] });
  });

  it("fails if a tag object, a replaced commit or a commit of elsewhere is taken for one of the repository", async () => {
    const repository = await Repository.make();
    const first = await repository.commit("first");
    const second = await repository.commit("second");
    await repository.git("tag", "-a", "-m", "a tag", "v1");
    expect((await repository.ask(await repository.git("rev-parse", "v1"))).state).toBe("unknown");
    const missing = await repository.ask(unpushedCommit());
    expect(missing).toMatchObject({ state: "unknown", pushed: false });
    expect(missing.unseen).toBeUndefined();
    expect((await repository.ask(second, unpushedCommit())).relation).toBeUndefined();
    await repository.git("replace", second, first);
    expect((await repository.ask(second, first)).log[0]?.subject).toBe("second");
  });

  it("fails if a repository that cannot be seen is guessed about", async () => {
    const commit = labCommits.unidesk.first;
    const nowhere = await ask({ [url]: "/nonexistent/repository.git" }, commit);
    expect(nowhere.facts).toMatchObject({ state: "unknown", unseen: true });
    expect(nowhere.warnings).toEqual([expect.stringContaining("/nonexistent/repository.git")]);
    const folder = await ask({ [url]: tempFolder() }, commit);
    expect(folder.facts).toMatchObject({ state: "unknown", unseen: true });
    expect(folder.warnings).toEqual([expect.stringContaining("no Git repository")]);
    const unplaced = await ask({}, commit);
    expect(unplaced.facts).toMatchObject({ state: "unknown", unseen: true });
    expect(unplaced.warnings).toEqual([expect.stringContaining("has no path")]);
  });

  it("says that a shallow clone may be wrong", async () => {
    const repository = await Repository.make();
    await repository.commit("first");
    const second = await repository.commit("second");
    const clone = join(tempFolder(), "clone.git");
    await repository.git("clone", "--quiet", "--bare", "--depth=1", `file://${repository.folder}`, clone);
    const { facts, warnings } = await ask({ [url]: clone }, second);
    expect(facts.state).toBe("known");
    expect(warnings).toEqual([expect.stringContaining("shallow")]);
  });
});
