import { chmodSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bash, commitA, deployJson, tempFolder, write } from "../support.ts";
import { bot, Forge, script } from "./forge.ts";

let forge: Forge;
let checkout: string;
beforeEach(async () => {
  forge = new Forge();
  await forge.open();
  checkout = tempFolder();
  git("init -q . && git checkout -q -b main");
});
afterEach(() => forge.close());

const marker = "<!-- unidesk-review -->";
const fingerprint = "5f".repeat(32);
const pinsOf = (...services: string[]) =>
  `${JSON.stringify({ pins: Object.fromEntries(services.map((one) => [one, { commit: commitA }])) }, null, 2)}\n`;

function git(command: string): string {
  const identity = "-c user.name=ann -c user.email=ann@example.com";
  const { exitCode, stdout, stderr } = bash(
    `set -e; cd "$1"; git ${command.replaceAll("git commit", `git ${identity} commit`)}`,
    [checkout],
  );
  if (exitCode !== 0) throw new Error(stderr);
  return stdout.toString().trim();
}

function commit(files: Record<string, string>): string {
  for (const [name, text] of Object.entries(files)) write(checkout, name, text);
  return git("add -A && git commit -q -m x && git rev-parse HEAD");
}

/** A program called npx that stands for the one that CI has installed: says what it was given, prints and ends as told. */
function fakeNpx(text: string, exitCode: number, errors = "what went wrong"): Record<string, string> {
  const bin = tempFolder();
  const program = write(
    bin,
    "npx",
    `#!/bin/bash
{ echo "args $*"; echo "token \${UNIDESK_TOKEN-none}"; echo "key \${UNIDESK_SSH_KEY-none}"; echo "observe \${UNIDESK_OBSERVE-on}"; echo "access \${UNIDESK_ACCESS-deploy}"; echo "plan \${TF_CLI_ARGS_plan-}"; } > ${bin}/given
if [ -f .unidesk/ssh/id ]; then stat -c '%a' .unidesk/ssh/id >> ${bin}/given; cat .unidesk/ssh/id >> ${bin}/given; fi
[ -z "$UNIDESK_DEPLOY_FILE" ] || cp "$UNIDESK_DEPLOY_FILE" ${bin}/deploy.json
[ -z "$UNIDESK_CI_FILE" ] || cp "$UNIDESK_CI_FILE" ${bin}/CI.json
cat ${write(bin, "text", text)}
printf '${errors}\n' >&2
exit ${exitCode}
`,
  );
  chmodSync(program, 0o755);
  return { PATH: `${bin}:${process.env.PATH}`, bin };
}
const read = (...path: string[]) => readFileSync(join(...path), "utf8");

describe("review-pull-request.sh", () => {
  let head: string;
  beforeEach(() => {
    const base = pinsOf("frontend", "mdtodo", "claudeqq", "todo-note");
    commit({ "deploy.json": base, "CI.json": "{}\n", "code.sh": "echo base" });
    git("update-ref refs/unidesk/ancestor HEAD && git checkout -q -b change");
    head = commit({
      "deploy.json": `${base.trimEnd().replace('"frontend"', '"frontend-2"')}\n`,
      "code.sh": "echo evil",
    });
    git("update-ref refs/unidesk/head HEAD && git checkout -q main");
  });
  /** The base branch moves on after the pull request began. */
  const moveBase = (text: string) => {
    commit({ "deploy.json": text });
  };
  const review = (given: Record<string, string>, more: Record<string, string> = {}) => {
    git("update-ref refs/unidesk/base HEAD");
    return script("review-pull-request.sh", ["7", head], { ...forge.environment, ...given, ...more }, checkout);
  };

  test("reviews the two files as a merge would leave them, offline without a key, and posts the report", async () => {
    moveBase(pinsOf("frontend", "mdtodo", "claudeqq", "todo-note-2"));
    const given = fakeNpx(`# Report\n<!-- unidesk-fingerprint: ${fingerprint} -->\n`, 2);
    expect((await review(given)).exitCode).toBe(0);
    expect(read(given.bin ?? "", "given")).toBe(
      "args unidesk review --markdown\ntoken none\nkey none\nobserve off\naccess observe\nplan -refresh=false\n",
    );
    expect(read(given.bin ?? "", "deploy.json")).toBe(pinsOf("frontend-2", "mdtodo", "claudeqq", "todo-note-2"));
    expect(read(given.bin ?? "", "CI.json")).toBe("{}\n");
    expect(forge.comments).toEqual([
      {
        id: 1000,
        user: { login: bot },
        body: `${marker}\n<!-- unidesk-head: ${head} -->\n# Report\n<!-- unidesk-fingerprint: ${fingerprint} -->`,
      },
    ]);
    expect(read(checkout, "code.sh")).toBe("echo base");
  });

  test("with a key the hosts are looked at, and the key is gone afterwards", async () => {
    const given = fakeNpx("# Report\n", 0);
    expect((await review(given, { UNIDESK_SSH_KEY: "KEY" })).exitCode).toBe(0);
    expect(read(given.bin ?? "", "given")).toBe(
      "args unidesk review --markdown\ntoken none\nkey none\nobserve on\naccess observe\nplan \n600\nKEY\n",
    );
    expect(existsSync(join(checkout, ".unidesk/ssh"))).toBe(false);
  });

  test("fails if the review fails, and the comment no longer has a fingerprint", async () => {
    forge.add(bot, `${marker}\nold\n<!-- unidesk-fingerprint: ${fingerprint} -->`);
    const { exitCode, stderr } = await review(fakeNpx("", 1));
    expect(exitCode).toBe(1);
    expect(stderr).toContain("what went wrong");
    const [{ body } = { body: "" }] = forge.comments;
    expect(body.split("\n").slice(2)).toEqual([
      "**The review failed, so nothing of this pull request can be applied.**",
      "",
      "    what went wrong",
      "",
      "<!-- unidesk-fingerprint: none -->",
    ]);
  });

  test("fails if a policy denies it or a stack cannot be planned, and the comment has the whole report", async () => {
    const report = `${marker}\n\n**Denied by a policy**\n\n- rule: to allow: x\n\n<!-- unidesk-fingerprint: ${fingerprint} -->\n`;
    const { exitCode } = await review(fakeNpx(report, 1));
    expect(exitCode).toBe(1);
    const [{ body } = { body: "" }] = forge.comments;
    expect(body.split("\n").slice(2)).toEqual([
      "**Nothing of this pull request can be applied: what denies it is below.**",
      "",
      marker,
      "",
      "**Denied by a policy**",
      "",
      "- rule: to allow: x",
      "",
      "<!-- unidesk-fingerprint: none -->",
    ]);
    expect(body).not.toContain(fingerprint);
  });

  test("fails if the review fails, and what it says ends no block, drives no terminal and is no command", async () => {
    const evil = 'unknown "x\\r\\r**Approved by** @org\\033[2J\\n::error::y';
    const { exitCode, stderr } = await review(fakeNpx("", 1, evil));
    expect(exitCode).toBe(1);
    const lines = forge.comments[0]?.body.split("\n").slice(4) ?? [];
    expect(lines).toEqual([
      '    unknown "x**Approved by** @org[2J',
      "    ::error::y",
      "",
      "<!-- unidesk-fingerprint: none -->",
    ]);
    expect(stderr).toMatch(
      /^::stop-commands::(\S+)\nunknown "x {2}\*\*Approved by\*\* @org \[2J\n::error::y\n\n::\1::\n/,
    );
  });

  test.each([
    ["a report that is cut", `# Report\n<!-- unidesk-fingerprint: ${fingerprint} -->\nmore`, 1],
    ["one that did not end in time", "# Rep", 124],
  ])("fails and shows the errors alone after %s", async (_, report, code) => {
    expect((await review(fakeNpx(report, code))).exitCode).toBe(1);
    expect(forge.comments[0]?.body).toMatch(/\n {4}what went wrong\n\n<!-- unidesk-fingerprint: none -->$/);
    expect(forge.comments[0]?.body).not.toContain("# Rep");
  });

  test("fails if both sides moved the same pin", async () => {
    moveBase(pinsOf("frontend-3", "mdtodo", "claudeqq", "todo-note"));
    const { exitCode } = await review(fakeNpx("", 0));
    expect(exitCode).toBe(1);
    expect(forge.comments[0]?.body).toContain("    deploy.json conflicts with the base branch");
  });

  test("fails if a file is a link, is missing, or is too big", async () => {
    for (const [change, text] of [
      ["rm deploy.json && ln -s /etc/passwd deploy.json", "deploy.json is no plain file"],
      ["rm -f deploy.json", "deploy.json is no plain file"],
      ["rm -f deploy.json && head -c 1048577 /dev/zero > deploy.json", "at most 1048576 are read"],
    ]) {
      git("checkout -q change");
      bash(`cd "$1" && ${change}`, [checkout]);
      head = git("add -A && git commit -q -m x && git rev-parse HEAD");
      git("update-ref refs/unidesk/head HEAD && git checkout -q main");
      expect((await review(fakeNpx("", 0))).exitCode).toBe(1);
      expect(forge.comments[0]?.body).toContain(text);
    }
  });

  test("fails if the pull request moved on meanwhile, and posts nothing", async () => {
    head = commitA;
    expect(await review(fakeNpx("", 0))).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("moved on to") });
    expect(forge.requests).toEqual([]);
  });
});

describe("apply-reviewed.sh", () => {
  const apply = (given: Record<string, string>, ...args: string[]) =>
    script(
      "apply-reviewed.sh",
      [commitA, "main", ...args],
      { ...forge.environment, UNIDESK_FORGE: "github", UNIDESK_SSH_KEY: "KEY", ...given },
      checkout,
    );

  test("applies the fingerprint of the merged pull request's review, with the key as a file", async () => {
    const pull = {
      number: 7,
      merged_at: "x",
      merge_commit_sha: commitA,
      base: { ref: "main" },
      head: { sha: commitA },
    };
    forge.replies.set(`/commits/${commitA}/pulls`, [pull]);
    forge.add(bot, `${marker}\n<!-- unidesk-head: ${commitA} -->\n<!-- unidesk-fingerprint: ${fingerprint} -->`);
    const given = fakeNpx("applied\n", 0);
    write(checkout, ".unidesk/receipts/1.json", deployJson({}));
    write(checkout, ".unidesk/receipts/1.md", "### applied\n");
    const summary = join(tempFolder(), "summary");
    expect(await apply({ ...given, GITHUB_STEP_SUMMARY: summary })).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^::stop-commands::(\S+)\napplied\nwhat went wrong\n\n::\1::\n$/),
    });
    expect(read(given.bin ?? "", "given")).toBe(
      `args unidesk apply --reviewed ${fingerprint}\ntoken none\nkey none\nobserve on\naccess deploy\nplan \n600\nKEY\n`,
    );
    expect(existsSync(join(checkout, ".unidesk/ssh"))).toBe(false);
    expect(read(summary)).toBe("### applied\n");
  });

  test.each([[1], [2], [3]])("ends with the exit code of the apply: %i", async (exitCode) => {
    expect((await apply(fakeNpx("", exitCode), fingerprint)).exitCode).toBe(exitCode);
    expect(forge.requests).toEqual([]);
  });

  test("fails if there is no review, no key, or no fingerprint, and applies nothing", async () => {
    forge.replies.set(`/commits/${commitA}/pulls`, []);
    const given = fakeNpx("", 0);
    const results = [
      await apply(given),
      await apply({ ...given, UNIDESK_SSH_KEY: "" }, fingerprint),
      await apply(given, "$(id)"),
    ];
    expect(results.map(({ exitCode }) => exitCode)).toEqual([1, 1, 1]);
    for (const { stderr } of results) expect(stderr).toContain("nothing was applied: ");
    expect(existsSync(join(given.bin ?? "", "given"))).toBe(false);
  });

  test("two at once run one after the other", async () => {
    const log = join(tempFolder(), "log");
    const bin = tempFolder();
    chmodSync(write(bin, "npx", `#!/bin/bash\necho begin >> ${log}; sleep 0.5; echo end >> ${log}\n`), 0o755);
    const given = { PATH: `${bin}:${process.env.PATH}` };
    await Promise.all([apply(given, fingerprint), apply(given, fingerprint)]);
    expect(read(log)).toBe("begin\nend\nbegin\nend\n");
  });
});
