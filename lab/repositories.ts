import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { labCommits } from "./commits.ts";
import { LabError } from "./errors.ts";
import { readTree } from "./files.ts";
import { labRoot } from "./settings.ts";

interface CommitPlan<Name extends string = string> {
  readonly name: Name;
  readonly branch: string;
  /** The commit before it. */
  readonly parent?: Name;
  /** Folders below `samples/<repository>` that are laid over each other to make the tree. */
  readonly layers: readonly string[];
  readonly author: string;
  /** Seconds since 1970, UTC. */
  readonly time: number;
  readonly message: string;
}

interface RepositoryPlan<Name extends string = string> {
  readonly commits: readonly CommitPlan<Name>[];
  /** Further branches, by the commit that they point to. */
  readonly branches?: Readonly<Record<string, Name>>;
}

const master = ["first", "second", "third"] as const;
const lyon = "Lyon <lyon@unidesk.example>";
const wei = "Wei <wei@unidesk.example>";
const faults = { branch: "lab/faults", author: wei };

const unidesk: RepositoryPlan<keyof typeof labCommits.unidesk> = {
  commits: [
    {
      ...{ name: "first", branch: "master", layers: master.slice(0, 1), author: lyon, time: 1_746_525_600 },
      message: "components: one folder and one Dockerfile for each service",
    },
    {
      ...{
        name: "second",
        branch: "master",
        parent: "first",
        layers: master.slice(0, 2),
        author: wei,
        time: 1_746_792_180,
      },
      message:
        "frontend: show the requested commit beside the live one\n\nAnswers are no longer cached by a proxy in between.",
    },
    {
      ...{ name: "third", branch: "master", parent: "second", layers: master, author: lyon, time: 1_747_131_540 },
      message: "project-manager, decision-center: link projects and decisions\n\nThe frontend leads to both.",
    },
    {
      ...{ name: "unreleased", branch: "feature/not-released", parent: "third", author: wei, time: 1_747_218_000 },
      layers: [...master, "unreleased"],
      message: "pipeline: say how long runs are kept",
    },
    {
      ...{
        ...faults,
        name: "neverHealthy",
        parent: "third",
        layers: [...master, "never-healthy"],
        time: 1_747_220_400,
      },
      message: "fault: frontend is never healthy",
    },
    {
      ...{ ...faults, name: "crash", parent: "neverHealthy", layers: [...master, "crash"], time: 1_747_220_460 },
      message: "fault: frontend ends with an error as it starts",
    },
    {
      ...{ ...faults, name: "lies", parent: "crash", layers: [...master, "lies"], time: 1_747_220_520 },
      message: "fault: frontend names a commit that is not its own",
    },
    {
      ...{ ...faults, name: "statsSkipped", parent: "lies", layers: [...master, "stats-skipped"], time: 1_747_220_580 },
      message: "fault: code-queue-mgr counts skipped tasks",
    },
  ],
  branches: { "release/v1": "second" },
};

const todoNote: RepositoryPlan<keyof typeof labCommits.todoNote> = {
  commits: [
    {
      ...{ name: "first", branch: "master", layers: master.slice(0, 1), author: lyon, time: 1_745_000_100 },
      message: "A list of notes",
    },
    {
      ...{
        name: "second",
        branch: "master",
        parent: "first",
        layers: master.slice(0, 2),
        author: lyon,
        time: 1_745_400_000,
      },
      message: "Start with one note",
    },
    {
      ...{ name: "third", branch: "master", parent: "second", layers: master, author: lyon, time: 1_746_000_900 },
      message: "Count the open notes on the first page",
    },
  ],
};

/** Builds both repositories and returns a bundle of each by folder name; throws where a commit is not the stored one. */
export async function buildRepositories(): Promise<Map<string, Buffer>> {
  const bundles = new Map<string, Buffer>();
  for (const [name, plan, stored] of [
    ["unidesk", unidesk, labCommits.unidesk],
    ["todo_note", todoNote, labCommits.todoNote],
  ] as const) {
    const { bundle, commits } = await buildRepository(name, plan);
    const wrong = Object.entries(stored).filter(([key, sha]) => commits.get(key) !== sha);
    if (wrong.length > 0) {
      const list = wrong.map(([key, sha]) => `\n  ${key}: "${commits.get(key)}", stored "${sha}"`).join("");
      throw new LabError(
        `Sample repository ${name} came out with other commits than lab/commits.ts says:${list}\n` +
          `Where lab/samples/${name} was changed on purpose, write the new commits into lab/commits.ts.`,
      );
    }
    bundles.set(name, bundle);
  }
  return bundles;
}

async function buildRepository(name: string, plan: RepositoryPlan) {
  const folder = await mkdtemp(join(tmpdir(), "unidesk-lab-git-"));
  // Nothing of the user's: neither configuration nor, within a Git hook, the repository that the hook is for.
  const env = { PATH: process.env.PATH, HOME: folder, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" };
  const git = (args: readonly string[], input?: Buffer) =>
    execa("git", ["-C", folder, ...args], { env, extendEnv: false, ...(input ? { input } : { stdin: "ignore" }) });
  try {
    await git(["init", "--quiet", "--bare", "--object-format=sha1", "--initial-branch=master"]);
    const marks = join(folder, "marks");
    await git(["fast-import", "--quiet", `--export-marks=${marks}`], await importStream(name, plan));
    await git(["bundle", "create", "--quiet", join(folder, "bundle"), "--all"]);
    const shas = new Map(
      (await readFile(marks, "utf8")).split("\n").map((line) => line.split(" ") as [string, string]),
    );
    const commits = new Map(plan.commits.map((commit, index) => [commit.name, shas.get(`:${index + 1}`)]));
    return { bundle: await readFile(join(folder, "bundle")), commits };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The repository in the language of `git fast-import`, where modes, names and dates are all ours. */
async function importStream(repository: string, plan: RepositoryPlan): Promise<Buffer> {
  const chunks: (string | Buffer)[] = [];
  const data = (content: Buffer) => chunks.push(`data ${content.length}\n`, content, "\n");
  const mark = (name: string) => `:${plan.commits.findIndex((commit) => commit.name === name) + 1}`;
  for (const commit of plan.commits) {
    const person = `${commit.author} ${commit.time} +0000`;
    chunks.push(`commit refs/heads/${commit.branch}\nmark ${mark(commit.name)}\n`);
    chunks.push(`author ${person}\ncommitter ${person}\n`);
    data(Buffer.from(`${commit.message}\n`));
    if (commit.parent !== undefined) chunks.push(`from ${mark(commit.parent)}\n`);
    chunks.push("deleteall\n");
    const tree = new Map<string, Buffer>();
    for (const layer of commit.layers) {
      for (const [path, bytes] of await readTree(join(labRoot, "samples", repository, layer))) tree.set(path, bytes);
    }
    for (const [path, bytes] of tree) {
      chunks.push(`M 100644 inline ${path}\n`);
      data(bytes);
    }
  }
  for (const [branch, commit] of Object.entries(plan.branches ?? {})) {
    chunks.push(`reset refs/heads/${branch}\nfrom ${mark(commit)}\n`);
  }
  return Buffer.concat(chunks.map((chunk) => Buffer.from(chunk)));
}
