import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { recordBuild, recordedBuild } from "../tools/build-record.mjs";

/** What the CommonJS modules of some packages find in Node.js; a build has modules alone. */
const commonJs = `
import { createRequire as nodeCreateRequire } from "node:module";
import { dirname as nodeDirname } from "node:path";
import { fileURLToPath as nodeFileURLToPath } from "node:url";
const require = nodeCreateRequire(import.meta.url);
const __filename = nodeFileURLToPath(import.meta.url);
const __dirname = nodeDirname(__filename);
`;
/** The checkout that these sources belong to. */
export const root = fileURLToPath(new URL("..", import.meta.url));
const builds = join(root, ".unidesk", "program");
const record = join(builds, "build.json");
const entryPoints = { app: "app.ts", main: "main.ts", cli: "lib/cli/main.ts" };
/** A command that runs may load a part of its build late. */
const keptMs = 24 * 60 * 60 * 1000;

/**
 * Loads a module of the TypeScript sources from one build of them and of their packages, which starts in a tenth of the
 * time that compiling file by file takes. The build is made anew whenever a source changed, so it is never a stale one.
 *
 * @param {keyof typeof entryPoints} name
 */
export async function load(name) {
  const built = recordedBuild(root, record);
  const folder = built && existsSync(join(builds, built)) ? built : await build();
  return import(pathToFileURL(join(builds, folder, `${name}.js`)).href);
}

/** Returns the name of the build's folder, which is the hash of what is in it. */
async function build() {
  const esbuild = await import("esbuild");
  const { metafile, outputFiles } = await esbuild.build({
    absWorkingDir: root,
    entryPoints,
    outdir: builds,
    bundle: true,
    splitting: true,
    // They find files of their own at run time.
    external: ["esbuild", "tsx"],
    mainFields: ["module", "main"],
    banner: { js: commonJs },
    platform: "node",
    format: "esm",
    target: "node20",
    metafile: true,
    write: false,
    logLevel: "warning",
  });
  const hash = createHash("sha256");
  for (const { path, contents } of outputFiles) hash.update(`${path}\0`).update(contents);
  const name = hash.digest("hex").slice(0, 16);
  // Written beside and renamed: another command may build at the same time.
  const stage = join(builds, `stage-${process.pid}`);
  mkdirSync(stage, { recursive: true });
  for (const { path, contents } of outputFiles) writeFileSync(path.replace(builds, stage), contents);
  try {
    renameSync(stage, join(builds, name));
  } catch (error) {
    if (!existsSync(join(builds, name))) throw error;
    rmSync(stage, { recursive: true });
  }
  recordBuild(root, record, metafile, name);
  forgetOldBuilds(name);
  return name;
}

/** @param {string} current */
function forgetOldBuilds(current) {
  const old = Date.now() - keptMs;
  for (const entry of readdirSync(builds, { withFileTypes: true })) {
    const path = join(builds, entry.name);
    if (!entry.isDirectory() || entry.name === current) continue;
    const { mtimeMs = Date.now() } = statSync(path, { throwIfNoEntry: false }) ?? {};
    if (mtimeMs < old) rmSync(path, { recursive: true, force: true });
  }
}
