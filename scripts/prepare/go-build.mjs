import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Problem } from "./problem.mjs";
import { step } from "./progress.mjs";
import { lastLines, onPath, run } from "./run.mjs";

/** Module folders in Go's cache are read-only. @param {string} folder */
function makeWritable(folder) {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory() || entry.isFile()) chmodSync(path, statSync(path).mode | 0o200);
  }
}

/** Go, and a cache folder without what an earlier run left half done. @param {string} what @param {string} cacheDir */
function beginBuild(what, cacheDir) {
  if (onPath("go").length === 0)
    throw new Problem(`${what} must be built and go is not on PATH`, "install Go >= 1.26.6 and put it on PATH");
  mkdirSync(cacheDir, { recursive: true });
  for (const left of readdirSync(cacheDir).filter((entry) => entry.startsWith("build-")))
    rmSync(join(cacheDir, left), { recursive: true, force: true });
}

/**
 * @param {{ name: string, source: string, package: string, flags?: string[], ldflags?: string, output: string }} build
 * @param {(line: string) => void} detail
 */
async function compile(build, detail) {
  const ldflags = `-s -w ${build.ldflags ?? ""}`;
  const { code, output } = await run(
    "go",
    ["build", "-trimpath", ...(build.flags ?? []), "-ldflags", ldflags, "-o", build.output, build.package],
    { cwd: build.source, env: { ...process.env, CGO_ENABLED: "0", GOWORK: "off" }, onLine: detail },
  );
  if (code !== 0)
    throw new Problem(`${build.name} does not build:\n${lastLines(output)}`, "mend what Go says, then run this again");
}

/**
 * A module that the build needs nothing of, and that the Go module proxy does not have.
 * @param {string} module
 * @param {string} source
 */
async function replaceByNothing(module, source) {
  const folder = `./unused/${module}`;
  mkdirSync(join(source, folder), { recursive: true });
  writeFileSync(join(source, folder, "go.mod"), `module ${module}\n`);
  const { code, output } = await run("go", ["mod", "edit", `-replace=${module}=${folder}`], { cwd: source });
  if (code !== 0) throw new Problem(`go.mod cannot be changed:\n${lastLines(output)}`, "mend what Go says");
}

/**
 * Builds a program from a pinned Go module. The module is copied, because `go install` refuses one
 * whose go.mod names another path or has replacements. The result appears whole or not at all.
 * @param {{ module: string, pin: string, package?: string, ldflags?: string, unused?: readonly string[],
 *   target: string, cacheDir: string }} build
 */
export async function goBuild(build) {
  const name = `${build.module}@${build.pin}`;
  beginBuild(name, build.cacheDir);
  await step(`build ${name}`, async (detail) => {
    const folder = mkdtempSync(join(build.cacheDir, "build-"));
    try {
      const download = await run("go", ["mod", "download", "-json", name], { cwd: folder });
      if (download.code !== 0)
        throw new Problem(`${name} cannot be downloaded:\n${lastLines(download.output)}`, `go mod download ${name}`);
      const source = join(folder, "source");
      cpSync(JSON.parse(download.stdout).Dir, source, { recursive: true });
      makeWritable(source);
      // A module's archive holds none of its vendored packages, but Go would look nowhere else.
      rmSync(join(source, "vendor"), { recursive: true, force: true });
      for (const unused of build.unused ?? []) await replaceByNothing(unused, source);
      const output = join(folder, "program");
      await compile({ name, source, package: build.package ?? ".", ldflags: build.ldflags ?? "", output }, detail);
      mkdirSync(dirname(build.target), { recursive: true });
      renameSync(output, build.target);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

/**
 * Builds programs from a Go module of this checkout, whose go.sum pins all that it needs: `programs` is file name to
 * package. The target folder appears with all of them or not at all.
 * @param {{ title: string, source: string, programs: Record<string, string>, tags: string, ldflags: string,
 *   target: string, cacheDir: string }} build
 */
export async function goBuildFolder(build) {
  beginBuild(build.title, build.cacheDir);
  await step(`build ${build.title}`, async (detail) => {
    const folder = mkdtempSync(join(build.cacheDir, "build-"));
    try {
      // -v names each package as it is compiled; the checkout's Git is no part of the programs.
      const flags = ["-v", "-buildvcs=false", "-mod=readonly", "-tags", build.tags];
      for (const [name, path] of Object.entries(build.programs)) {
        const output = join(folder, name);
        await compile(
          { name: build.title, source: build.source, package: path, flags, output, ldflags: build.ldflags },
          detail,
        );
      }
      chmodSync(folder, 0o755);
      renameSync(folder, build.target);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
