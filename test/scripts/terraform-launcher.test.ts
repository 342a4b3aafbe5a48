import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const launcher = fileURLToPath(new URL("../../tools/terraform/terraform.sh", import.meta.url));
const tells = `echo "program=$0"
echo "arguments=$*"
echo "checkpoint=\${CHECKPOINT_DISABLE-unset}"
echo "config=\${TF_CLI_CONFIG_FILE-unset}"
echo "lock=\${TF_CLI_ARGS_providers_lock-unset}"`;

let root: string;
let home: string;
let bin: string;

/** A shell program in the temporary folder. */
function program(path: string, text = tells): string {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
  return file;
}

function record(...lines: string[]): void {
  const folder = join(home, ".cache/unidesk-cdktf");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "terraform.env"), `${lines.join("\n")}\n`);
}

/** What prepare records where it built plugins. */
function recordWithMirror(binary: string): { config: string; mirror: string } {
  const config = join(root, "our config.rc");
  const mirror = join(root, "mirror of $HOME");
  writeFileSync(config, "");
  mkdirSync(mirror);
  record(`BINARY=${binary}`, `CONFIG=${config}`, `MIRROR=${mirror}`);
  return { config, mirror };
}

function launch(args: string[] = [], env: Record<string, string> = {}, path: string[] = []) {
  const result = spawnSync(join(bin, "terraform"), args, {
    env: { HOME: home, PATH: [bin, ...path].join(":"), ...env },
    encoding: "utf8",
    timeout: 5000,
  });
  const told = Object.fromEntries(result.stdout.split("\n").map((line) => line.split(/=(.*)/s).slice(0, 2)));
  return { ...result, told };
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "unidesk-launcher-"));
  home = join(root, "home");
  bin = join(root, "node_modules/.bin");
  mkdirSync(bin, { recursive: true });
  symlinkSync(launcher, join(bin, "terraform"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe("which binary", () => {
  test("runs the recorded one with the arguments as they are", () => {
    const binary = program("real dir/terraform", `printf '<%s>' "$@"`);
    record(`BINARY=${binary}`);
    expect(launch(["plan", "-var=a b", "$x;*", ""]).stdout).toBe("<plan><-var=a b><$x;*><>");
  });

  test("takes the next terraform on PATH when the recorded one is gone", () => {
    record(`BINARY=${join(root, "gone/terraform")}`);
    const next = program("usr/terraform");
    expect(launch([], {}, [join(root, "usr")]).told.program).toBe(next);
  });

  test("takes tofu where there is no terraform, and needs no record", () => {
    const next = program("usr/tofu");
    expect(launch([], {}, [join(root, "usr")]).told.program).toBe(next);
  });

  test("never runs itself: by symlink, by a copy of another checkout, by a record", () => {
    const linked = join(root, "linked");
    const copied = join(root, "copied");
    mkdirSync(linked);
    mkdirSync(copied);
    symlinkSync(join(bin, "terraform"), join(linked, "terraform"));
    copyFileSync(launcher, join(copied, "tofu"));
    chmodSync(join(copied, "tofu"), 0o755);
    record(`BINARY=${join(linked, "terraform")}`);
    const result = launch([], {}, [linked, copied]);
    expect(result.status).toBe(127);
    expect(result.stderr).toContain("neither terraform nor tofu was found");
    expect(result.stderr).toContain("node scripts/prepare.mjs");
    const next = program("usr/terraform");
    expect(launch([], {}, [linked, copied, join(root, "usr")]).told.program).toBe(next);
  });

  test("skips a folder and a file without execute permission", () => {
    mkdirSync(join(root, "one/terraform"), { recursive: true });
    chmodSync(program("two/terraform"), 0o644);
    expect(launch([], {}, [join(root, "one"), join(root, "two")]).status).toBe(127);
  });

  test("reads the record without evaluating it", () => {
    record("BINARY=$(touch evil)", 'CONFIG=";touch evil"');
    const next = program("usr/terraform");
    expect(launch([], {}, [join(root, "usr")]).told.program).toBe(next);
  });

  test("honours XDG_CACHE_HOME", () => {
    const binary = program("real/terraform");
    mkdirSync(join(root, "xdg/unidesk-cdktf"), { recursive: true });
    writeFileSync(join(root, "xdg/unidesk-cdktf/terraform.env"), `BINARY=${binary}`);
    expect(launch([], { XDG_CACHE_HOME: join(root, "xdg") }).told.program).toBe(binary);
  });
});

describe("environment", () => {
  test("names our plugins where they are recorded", () => {
    const { config, mirror } = recordWithMirror(program("real/terraform"));
    expect(launch().told).toMatchObject({ checkpoint: "1", config, lock: `"-fs-mirror=${mirror}"` });
  });

  test("sets no configuration where none is recorded", () => {
    record(`BINARY=${program("real/terraform")}`);
    expect(launch().told).toMatchObject({ checkpoint: "1", config: "unset", lock: "unset" });
  });

  test("keeps a user's configuration that exists, and then the user's plugins", () => {
    recordWithMirror(program("real/terraform"));
    const own = join(root, "own.rc");
    writeFileSync(own, "");
    expect(launch([], { TF_CLI_CONFIG_FILE: own }).told).toMatchObject({ config: own, lock: "unset" });
  });

  test("replaces a user's configuration that does not exist", () => {
    const { config } = recordWithMirror(program("real/terraform"));
    expect(launch([], { TF_CLI_CONFIG_FILE: join(root, "gone.rc") }).told.config).toBe(config);
  });

  test("unsets a user's configuration that does not exist where ours is not in use", () => {
    record(`BINARY=${program("real/terraform")}`);
    expect(launch([], { TF_CLI_CONFIG_FILE: join(root, "gone.rc") }).told.config).toBe("unset");
  });

  test("adds to a user's lock arguments, unless they name a mirror", () => {
    const { mirror } = recordWithMirror(program("real/terraform"));
    const lock = (value: string) => launch([], { TF_CLI_ARGS_providers_lock: value }).told.lock;
    expect(lock("-platform=a")).toBe(`-platform=a "-fs-mirror=${mirror}"`);
    expect(lock("-fs-mirror=/x")).toBe("-fs-mirror=/x");
  });

  test("keeps a CHECKPOINT_DISABLE that is set", () => {
    record(`BINARY=${program("real/terraform")}`);
    expect(launch([], { CHECKPOINT_DISABLE: "" }).told.checkpoint).toBe("");
  });
});

describe("as if it were not there", () => {
  test("passes the exit code on", () => {
    record(`BINARY=${program("real/terraform", "exit 42")}`);
    expect(launch().status).toBe(42);
  });

  test("passes a signal on", () => {
    record(`BINARY=${program("real/terraform", "kill -TERM $$")}`);
    expect(launch().signal).toBe("SIGTERM");
  });
});
