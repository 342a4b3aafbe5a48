import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { withLock, writeAtomic } from "../../scripts/prepare/files.mjs";
import { inSync } from "../../scripts/prepare/npm.mjs";
import { isEnough } from "../../scripts/prepare/terraform.mjs";

const script = fileURLToPath(new URL("../../scripts/prepare.mjs", import.meta.url));
const lock = (packages: object) => JSON.stringify({ packages });

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "unidesk-prepare-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe("inSync", () => {
  const wanted = lock({
    "": {},
    "node_modules/a": { version: "1.0.0" },
    "node_modules/b": { version: "2.0.0", optional: true },
  });

  test("holds for a plain npm install on one kind of machine", () => {
    expect(inSync(wanted, lock({ "node_modules/a": { version: "1.0.0" } }))).toBe(true);
  });
  test("fails for another version", () => {
    expect(inSync(wanted, lock({ "node_modules/a": { version: "1.0.1" } }))).toBe(false);
  });
  test("fails for a missing package", () => {
    expect(inSync(wanted, lock({ "node_modules/b": { version: "2.0.0" } }))).toBe(false);
  });
  test("fails for a missing link", () => {
    const linked = lock({ "node_modules/l": { resolved: "tools/l", link: true } });
    expect(inSync(linked, lock({}))).toBe(false);
  });
  test("fails where nothing is installed", () => {
    expect(inSync(wanted, undefined)).toBe(false);
  });
});

describe("withLock", () => {
  test("lets one in at a time", async () => {
    const file = join(root, "lock");
    let inside = 0;
    let most = 0;
    const work = () =>
      withLock(
        file,
        async () => {
          most = Math.max(most, ++inside);
          await new Promise((resolve) => setTimeout(resolve, 20));
          inside--;
        },
        () => {},
      );
    await Promise.all([work(), work()]);
    expect(most).toBe(1);
  });

  test("takes over from a process that has died", async () => {
    const dead = spawnSync("true").pid;
    const file = join(root, "lock");
    writeAtomic(file, String(dead));
    expect(
      await withLock(
        file,
        async () => "in",
        () => {},
      ),
    ).toBe("in");
  });
});

test.each([
  ["Terraform v1.9.8", false],
  ["Terraform v1.10.0", true],
  ["OpenTofu v1.10.6", false],
  ["OpenTofu v1.11.0-rc1", true],
  ["OpenTofu v2.0.0", true],
])("%s is new enough: %s", (said, expected) => expect(isEnough(said)).toBe(expected));

describe("prepare.mjs", () => {
  /** A machine with nothing on PATH, where a run may only say what it lacks. */
  const bare = (...args: string[]) =>
    spawnSync(process.execPath, [script, ...args], {
      env: { PATH: join(root, "empty"), HOME: root, NO_COLOR: "1" },
      encoding: "utf8",
      timeout: 10_000,
    });

  test("--check lists all that is missing in one message and exits 1", () => {
    const { status, stderr } = bare("--check");
    expect(status).toBe(1);
    expect(stderr).toContain("not on PATH: git, ssh, ssh-keygen, ps, docker");
    expect(stderr).toContain("Terraform >= 1.10 or OpenTofu >= 1.11 is needed and none is on PATH");
    expect(stderr).not.toContain("\u001b[");
  });

  test("rejects an unknown argument", () => {
    const { status, stderr } = bare("--chekc");
    expect(status).toBe(2);
    expect(stderr).toBe("prepare: unknown argument --chekc; allowed: --check, --browser\n");
  });
});
