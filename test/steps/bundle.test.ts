import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, copyFileSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { bundleSteps, type StepBundle } from "../../lib/steps/bundle.ts";
import { checkout } from "../checkout.ts";
import { localHost, sshHost, tempFolder, write } from "../support.ts";

let folder: string;
let bundle: StepBundle;
beforeAll(() => {
  folder = join(tempFolder(), "new", "steps");
  bundle = bundleSteps(checkout, folder);
});

/** Runs the bundle as an apply does, with `changes` to its environment. */
function run(step: string, spec: object | undefined, changes: NodeJS.ProcessEnv = {}, path = bundle.path) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, step], {
    encoding: "utf8",
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      UNIDESK_STEP_BUNDLE_SHA256: bundle.sha256,
      UNIDESK_STEP_CONNECTIONS: JSON.stringify([localHost(folder)]),
      ...(spec ? { UNIDESK_STEP_SPEC: JSON.stringify(spec) } : {}),
      ...changes,
    },
  });
  return { exitCode: status, stdout, stderr };
}
const script = (text: string) => ({ host: "d601", purpose: "say hello", script: text, input: "from the spec" });

test("the same sources are the same file, named by its hash", () => {
  const again = bundleSteps(checkout, folder);
  const other = bundleSteps(checkout, tempFolder());
  expect(again).toEqual(bundle);
  expect(other.sha256).toBe(bundle.sha256);
  expect(basename(bundle.path)).toBe(`steps-${bundle.sha256.slice(0, 12)}.mjs`);
  expect(createHash("sha256").update(readFileSync(bundle.path)).digest("hex")).toBe(bundle.sha256);
  expect(readdirSync(folder).sort()).toEqual(["build.json", basename(bundle.path)]);
});

test("the same sources are the same file, wherever the program runs", () => {
  const module = new URL("../../lib/steps/bundle.ts", import.meta.url);
  const program = `const { bundleSteps } = await import("${module}"); console.log(bundleSteps("${checkout}", "${tempFolder()}").sha256);`;
  const file = write(tempFolder(), "bundle.mjs", program);
  const hashes = [checkout, tempFolder()].map(
    (cwd) =>
      spawnSync(process.execPath, ["--import", import.meta.resolve("tsx"), file], { cwd, encoding: "utf8" }).stdout,
  );
  expect(hashes).toEqual([`${bundle.sha256}\n`, `${bundle.sha256}\n`]);
});

test("a file that was damaged is written again: its name is its content's hash", () => {
  const damaged = bundleSteps(checkout, tempFolder());
  appendFileSync(damaged.path, "// edited\n");
  bundleSteps(checkout, join(damaged.path, ".."));
  expect(createHash("sha256").update(readFileSync(damaged.path)).digest("hex")).toBe(damaged.sha256);
});

test("a step runs from the bundle alone", () => {
  const copy = join(tempFolder(), "steps.mjs");
  copyFileSync(bundle.path, copy);
  expect(run("host-script", script('cat; echo; echo "progress" >&2'), {}, copy)).toEqual({
    exitCode: 0,
    stdout: "progress\nfrom the spec\n",
    stderr: "",
  });
});

describe("fails", () => {
  test("if the step fails", () => {
    expect(run("host-script", script("echo no such file >&2; exit 4"))).toMatchObject({
      exitCode: 1,
      stderr: "d601: could not say hello (exit 4)\n  found:   no such file\n",
    });
  });

  test("if the bundle is not the one that was planned, before the step runs", () => {
    const marker = join(tempFolder(), "marker");
    const result = run("host-script", script(`touch ${marker}`), { UNIDESK_STEP_BUNDLE_SHA256: "0".repeat(64) });
    expect(result).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: [
        "the step bundle is not the one that was planned",
        `  found:   ${bundle.sha256}`,
        `  allowed: ${"0".repeat(64)}`,
        "  remedy:  run cdktf diff again and review it",
        "",
      ].join("\n"),
    });
    expect(readdirSync(join(marker, ".."))).toEqual([]);
  });

  test("if the bundle was edited after the plan", () => {
    const edited = write(tempFolder(), "steps.mjs", `${readFileSync(bundle.path, "utf8")}\n// edited\n`);
    expect(run("host-script", script("true"), {}, edited)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^the step bundle is not the one that was planned\n/),
    });
  });

  test.each([
    ["UNIDESK_STEP_BUNDLE_SHA256", script("true")],
    ["UNIDESK_STEP_CONNECTIONS", script("true")],
    ["UNIDESK_STEP_SPEC", undefined],
  ])("if %s is missing", (name, spec) => {
    expect(run("host-script", spec, spec ? { [name]: undefined } : {})).toEqual({
      exitCode: 2,
      stdout: "",
      stderr: `${name} is not set: steps are run by an apply\n`,
    });
  });

  test.each(["host-scripts", "toString"])("if there is no step %s", (step) => {
    const { exitCode, stderr } = run(step, script("true"));
    expect(stderr).toMatch(
      new RegExp(`^unknown step\n {2}found: {3}${step}\n {2}allowed: registry-health, host-script, `),
    );
    expect(exitCode).toBe(2);
  });

  test("as infra-blocked if the host cannot be reached", () => {
    const host = sshHost({ address: "127.0.0.1", port: 1 });
    const { exitCode, stderr } = run("host-script", script("true"), {
      UNIDESK_STEP_CONNECTIONS: JSON.stringify([host]),
    });
    expect(stderr).toMatch(/^infra-blocked: d601: cannot be reached by SSH at ubuntu@127\.0\.0\.1:1\n/);
    expect(exitCode).toBe(3);
  });
});
