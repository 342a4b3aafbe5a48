import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
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

/**
 * Builds a program from a pinned Go module. The module is copied, because `go install` refuses one
 * whose go.mod names another path or has replacements. The result appears whole or not at all.
 * @param {{ module: string, pin: string, package?: string, ldflags?: string, target: string, cacheDir: string }} build
 */
export async function goBuild(build) {
  const name = `${build.module}@${build.pin}`;
  if (onPath("go").length === 0)
    throw new Problem(`${name} must be built and go is not on PATH`, "install Go >= 1.26.6 and put it on PATH");
  mkdirSync(build.cacheDir, { recursive: true });
  for (const left of readdirSync(build.cacheDir).filter((entry) => entry.startsWith("build-")))
    rmSync(join(build.cacheDir, left), { recursive: true, force: true });
  await step(`build ${name}`, async (detail) => {
    const folder = mkdtempSync(join(build.cacheDir, "build-"));
    try {
      const download = await run("go", ["mod", "download", "-json", name], { cwd: folder });
      if (download.code !== 0)
        throw new Problem(`${name} cannot be downloaded:\n${lastLines(download.output)}`, `go mod download ${name}`);
      const source = join(folder, "source");
      cpSync(JSON.parse(download.stdout).Dir, source, { recursive: true });
      makeWritable(source);
      const program = join(folder, "program");
      const { code, output } = await run(
        "go",
        ["build", "-trimpath", "-ldflags", `-s -w ${build.ldflags ?? ""}`, "-o", program, build.package ?? "."],
        { cwd: source, env: { ...process.env, CGO_ENABLED: "0", GOWORK: "off" }, onLine: detail },
      );
      if (code !== 0)
        throw new Problem(`${name} does not build:\n${lastLines(output)}`, "mend what Go says, then run this again");
      mkdirSync(dirname(build.target), { recursive: true });
      renameSync(program, build.target);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
