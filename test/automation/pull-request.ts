import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parse } from "yaml";
import { hostNames, labCommits, labExec } from "../../lab/index.ts";
import { observerPath } from "../../lib/observer/program.ts";
import { checkout, registryStack } from "../lab-support.ts";
import { basePins, ReviewLab, removeFromContainerd, removeImage } from "../review/lab.ts";
import { bot, type Ended, Forge, runProgram } from "./forge.ts";

type Pins = Readonly<Record<string, object>>;

const { third } = labCommits.unidesk;

/** One service of each runtime: Compose on main-server, Compose on D601, and the cluster. */
export const movedPins = { frontend: { commit: third }, findjob: { commit: third }, mdtodo: { commit: third } };

/** What Git ignores, and Git's own. */
const leftOut = new Set([".git", "node_modules", "state", ".unidesk", "cdktf.out", "cdktf.log", "coverage"]);

interface Step {
  readonly run: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * A forge with one pull request, and a runner that does what the workflow files say: their steps, in one folder, as a
 * runner of one's own has it. Of the forge the REST API is a stand-in; repository, program, keys and hosts are real.
 */
export class PullRequestLab {
  readonly forge = new Forge();
  readonly lab: ReviewLab;
  readonly observingKey: string;
  readonly deployingKey: () => string;
  private readonly folder: string;
  private head = "";

  constructor(state: string) {
    this.lab = new ReviewLab(state);
    this.folder = this.lab.site.folder;
    this.observingKey = join(this.folder, "observer");
    this.deployingKey = () => readFileSync(this.lab.site.connection("d601").identityFile ?? "", "utf8");
  }

  /** The base branch is this checkout with `basePins`, which are live; only a key that observes is new on the hosts. */
  async open(): Promise<void> {
    await this.forge.open();
    await this.lab.open();
    await this.lab.site.deploy(registryStack, this.lab.options());
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "a review's", "-f", this.observingKey]);
    const { exitCode, output } = await this.lab.site.unidesk([
      "observer",
      "install",
      "--key",
      `${this.observingKey}.pub`,
    ]);
    if (exitCode !== 0) throw new Error(output);

    const filter = (path: string) => !leftOut.has(relative(checkout, path));
    cpSync(checkout, this.author, { recursive: true, filter });
    this.git("init", "--quiet", "--initial-branch=main");
    this.commit("The checkout as it is", basePins);
    execFileSync("git", ["clone", "--quiet", "--bare", this.author, this.repository]);
  }

  async close(): Promise<void> {
    try {
      const removed = await this.lab.site.unidesk(["observer", "remove"]);
      if (removed.exitCode !== 0) throw new Error(removed.output);
      for (const host of hostNames) await labExec(host, `rm -f ${observerPath}`);
      await this.forge.close();
    } finally {
      await this.lab.close();
    }
  }

  /** The images of `movedPins` are in the registry and nowhere else. */
  async forgetImages(): Promise<void> {
    await removeImage("main-server", "frontend", third);
    await removeImage("d601", "findjob", third);
    await removeFromContainerd("mdtodo", third);
  }

  /** A pull request without a comment that changes these pins of the main branch. */
  propose(pins: Pins): string {
    this.forge.comments = [];
    this.git("checkout", "--quiet", "-B", "change", "main");
    this.head = this.commit("Move pins", { ...basePins, ...pins });
    this.git("push", "--quiet", "--force", this.repository, "HEAD:refs/pull/7/head");
    return this.head;
  }

  /** Merges it; returns the commit that the main branch has then. */
  merge(): string {
    this.git("checkout", "--quiet", "main");
    this.git("merge", "--quiet", "--no-ff", "--message", "Merge the change", this.head);
    this.git("push", "--quiet", this.repository, "main");
    const merged = this.git("rev-parse", "HEAD");
    const pull = { number: 7, merged_at: "2026-01-31T12:00:00Z", merge_commit_sha: merged };
    this.forge.replies.set(`/commits/${merged}/pulls`, [{ ...pull, base: { ref: "main" }, head: { sha: this.head } }]);
    return merged;
  }

  /** The review's job. */
  review(key = readFileSync(this.observingKey, "utf8")): Promise<Ended> {
    return this.job("unidesk-review.yml", {
      "github.event.pull_request.base.ref": "main",
      "github.event.pull_request.head.sha": this.head,
      "github.event.pull_request.number": "7",
      "secrets.UNIDESK_OBSERVE_SSH_KEY": key,
      "secrets.UNIDESK_REVIEW_PG_CONN_STR": "",
    });
  }

  /** The job that the push of a merge starts. */
  apply(commit: string, key = this.deployingKey()): Promise<Ended> {
    return this.job("unidesk-apply.yml", {
      "github.actor": "ann",
      "github.ref_name": "main",
      "github.sha": commit,
      "inputs.fingerprint": "",
      "secrets.UNIDESK_DEPLOY_SSH_KEY": key,
      "secrets.UNIDESK_PG_CONN_STR": "",
    });
  }

  /** The one comment; throws where there are more, or none. */
  comment(): { readonly id: number; readonly body: string; readonly fingerprint: string } {
    const [comment, ...more] = this.forge.comments;
    if (!comment || more.length > 0) throw new Error(`${this.forge.comments.length} comments`);
    const { id, body } = comment;
    return { id, body, fingerprint: /<!-- unidesk-fingerprint: (\w+) -->$/.exec(body)?.[1] ?? "" };
  }

  /** A file that a job left in its folder. */
  left(...path: string[]): string {
    return join(this.folder, "runner", ...path);
  }

  private async job(file: string, values: Readonly<Record<string, string>>): Promise<Ended> {
    const { forge, lab, folder } = this;
    const api = forge.environment;
    const contexts = {
      "github.api_url": api.UNIDESK_API_URL ?? "",
      "github.repository": "ann/site",
      "github.server_url": `file://${folder}`,
      "github.token": api.UNIDESK_TOKEN ?? "",
      "secrets.UNIDESK_BOT_TOKEN": "",
      "vars.UNIDESK_BOT": bot,
      "vars.UNIDESK_HOSTS": lab.site.hostsFile(lab.options().state, (hosts) => {
        for (const name of hostNames) hosts[name].identityFile = "./.unidesk/ssh/id";
      }),
      ...values,
    };
    // The runner's own; nothing of what selects hosts or pins for this test.
    const { UNIDESK_HOSTS: _, UNIDESK_DEPLOY_FILE: __, ...own } = process.env;
    const runner = { ...own, CI: "1", CHECKPOINT_DISABLE: "1", TMPDIR: folder, NO_COLOR: "1", no_proxy: "127.0.0.1" };
    const { jobs } = parse(readFileSync(join(checkout, "automation", "github", file), "utf8")) as {
      jobs: Record<string, { steps: Step[] }>;
    };
    mkdirSync(this.left(), { recursive: true });
    let all: Ended = { exitCode: 0, stdout: "", stderr: "" };
    for (const { run, env = {} } of Object.values(jobs).flatMap(({ steps }) => steps)) {
      if (run.startsWith("npm ci")) {
        this.install();
        continue;
      }
      const given = Object.fromEntries(Object.entries(env).map(([name, text]) => [name, evaluated(text, contexts)]));
      const { exitCode, stdout, stderr } = await runProgram(
        "bash",
        ["-e", "-c", run],
        { ...runner, ...given },
        this.left(),
      );
      lab.site.printed.push(stdout, stderr);
      all = { exitCode, stdout: all.stdout + stdout, stderr: all.stderr + stderr };
      if (exitCode !== 0) break;
    }
    return all;
  }

  /** What is installed already, and the state that both jobs share. */
  private install(): void {
    for (const name of ["node_modules", "state"]) {
      rmSync(this.left(name), { recursive: true, force: true });
      symlinkSync(join(checkout, name), this.left(name));
    }
  }

  private commit(message: string, prod: Pins): string {
    writeFileSync(
      join(this.author, "deploy.json"),
      `${JSON.stringify({ version: 1, environments: { prod, dev: {} } }, undefined, 2)}\n`,
    );
    this.git("add", "--all");
    this.git("commit", "--quiet", "--message", message);
    return this.git("rev-parse", "HEAD");
  }

  private git(...args: string[]): string {
    const identity = ["-c", "user.name=ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"];
    return execFileSync("git", [...identity, ...args], { cwd: this.author, encoding: "utf8" }).trim();
  }

  private get author(): string {
    return join(this.folder, "author");
  }

  private get repository(): string {
    return join(this.folder, "ann", "site");
  }
}

/** `${{ a || 'b' }}` as the platform reads it; throws where a workflow wants what a job does not have. */
function evaluated(text: string, contexts: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\{\{ (.+?) \}\}/g, (_, expression: string) => {
    const values = expression.split(" || ").map((term) => {
      const value = /^'(.*)'$/.exec(term)?.[1] ?? contexts[term];
      if (value === undefined) throw new Error(`the workflow wants ${term}`);
      return value;
    });
    return values.find((value) => value !== "") ?? "";
  });
}
