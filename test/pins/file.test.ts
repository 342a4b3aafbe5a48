import { chmodSync, lstatSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { loadSite } from "../../lib/config/site.ts";
import { Commit } from "../../lib/config/values.ts";
import { changePins, openPins } from "../../lib/pins/file.ts";
import { commitA, commitB, failureOf, rejectionOf, write, writeCheckout } from "../support.ts";

vi.mock("node:fs", async (original) => {
  const fs = await original<typeof import("node:fs")>();
  return { ...fs, writeFileSync: vi.fn(fs.writeFileSync) };
});

const change = (commit = commitB) => [
  { environment: "prod", service: "frontend", entry: { commit: Commit.parse(commit) } } as const,
];
const open = (root: string, deployFile?: string) => openPins(loadSite(root, { UNIDESK_DEPLOY_FILE: deployFile }));

describe("changePins", () => {
  test("the file keeps its mode, and a link to it stays one", async () => {
    const root = writeCheckout();
    const real = join(root, "deploy.json");
    chmodSync(real, 0o640);
    symlinkSync(real, join(root, "link.json"));
    const before = readFileSync(real, "utf8");
    expect(await changePins(open(root, "link.json"), change())).toBe(true);
    expect(readFileSync(real, "utf8")).toBe(before.replace(commitA, commitB));
    expect(statSync(real).mode & 0o777).toBe(0o640);
    expect(lstatSync(join(root, "link.json")).isSymbolicLink()).toBe(true);
    expect(readdirSync(root).sort()).toEqual(["CI.json", "cdktf.json", "deploy.json", "link.json"]);
  });

  test("the same pin again writes nothing", async () => {
    const root = writeCheckout();
    const { mtimeMs, ino } = statSync(join(root, "deploy.json"));
    expect(await changePins(open(root), change(commitA))).toBe(false);
    expect(statSync(join(root, "deploy.json"))).toMatchObject({ mtimeMs, ino });
  });

  test("fails if another edit in between is lost, of bytes or of another pin", async () => {
    const root = writeCheckout();
    const file = join(root, "deploy.json");
    const opened = open(root);
    writeFileSync(file, `${opened.text}\n`);
    expect(await changePins(opened, change())).toBe(true);
    expect(readFileSync(file, "utf8")).toBe(`${opened.text.replace(commitA, commitB)}\n`);

    const [one, other] = [open(root), open(root)];
    const edits = (["todo-note", "mdtodo"] as const).map((service, index) =>
      changePins(index === 0 ? one : other, [
        { environment: "prod", service, entry: { commit: Commit.parse(commitA) } },
      ]),
    );
    expect(await Promise.all(edits)).toEqual([true, true]);
    const { environments } = JSON.parse(readFileSync(file, "utf8")) as { environments: { prod: object } };
    expect(Object.keys(environments.prod).sort()).toEqual(["frontend", "mdtodo", "todo-note"]);
  });

  test("fails if what somebody else made of the pin meanwhile is overwritten", async () => {
    const root = writeCheckout();
    const opened = open(root);
    const text = opened.text.replace(commitA, "c3".repeat(20));
    writeFileSync(join(root, "deploy.json"), text);
    expect((await rejectionOf(changePins(opened, change()))).message).toContain("changed by somebody else");
    expect(readFileSync(join(root, "deploy.json"), "utf8")).toBe(text);
    expect(readdirSync(root)).toHaveLength(3);
  });

  test("fails if a file that may not be written is replaced", async () => {
    const root = writeCheckout();
    const file = join(root, "deploy.json");
    chmodSync(file, 0o444);
    const before = readFileSync(file, "utf8");
    const { problem } = await rejectionOf(changePins(open(root), change()));
    expect(problem).toMatchObject({ found: "mode 444", remedy: expect.stringContaining(`chmod u+w ${file}`) });
    expect(readFileSync(file, "utf8")).toBe(before);
  });

  test("fails if two edits at once both say that they were written", async () => {
    const root = writeCheckout();
    const opened = open(root);
    const edits = await Promise.allSettled([changePins(opened, change()), changePins(opened, change("c3".repeat(20)))]);
    expect(edits.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  test.each([
    ["EACCES", "let this user write the file's folder"],
    ["EPERM", "only its owner, or root, can keep the owner"],
    ["ENOSPC", "free space on its file system"],
    ["EROFS", "edit it where its file system is writable"],
    ["EBUSY", "mount its folder instead"],
    ["EIO", "correct what the message names"],
  ])("fails if it cannot be written: %s, with a remedy and nothing lost", async (code, remedy) => {
    const root = writeCheckout();
    const before = readFileSync(join(root, "deploy.json"), "utf8");
    vi.mocked(writeFileSync).mockImplementationOnce(() => {
      throw Object.assign(new Error(`${code}: no, write`), { code });
    });
    const { message, exitCode, problem } = await rejectionOf(changePins(open(root), change()));
    expect(message).toContain(`deploy.json cannot be written; it is as it was: ${join(root, "deploy.json")}`);
    expect([exitCode, problem.found, problem.remedy]).toEqual([
      1,
      `${code}: no, write`,
      expect.stringContaining(remedy),
    ]);
    expect(readFileSync(join(root, "deploy.json"), "utf8")).toBe(before);
    expect(readdirSync(root)).toHaveLength(3);
  });

  test("fails if bytes that are not UTF-8 would be replaced", () => {
    const root = writeCheckout();
    const text = readFileSync(join(root, "deploy.json"), "latin1").replace('"version"', '"$schema": "\xff", "version"');
    write(root, "deploy.json", Buffer.from(text, "latin1"));
    expect(failureOf(() => open(root)).message).toContain("not UTF-8");
  });
});
