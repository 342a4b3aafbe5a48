import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
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
/** A command may load a part of its build long after its start. */
const keptMs = 24 * 60 * 60 * 1000;

/**
 * Loads a module of the TypeScript sources from one build of them and of their packages, which starts in a tenth of the
 * time that compiling file by file takes. The build is made anew whenever a source changed, so it is never a stale one.
 *
 * @param {keyof typeof entryPoints} name
 */
export async function load(name) {
  const folder = join(builds, builtBefore() ?? (await build()));
  markUsed(folder);
  return import(pathToFileURL(join(folder, `${name}.js`)).href);
}

function builtBefore() {
  const name = recordedBuild(root, record);
  return name && existsSync(join(builds, name)) ? name : undefined;
}

/** @param {string} folder */
function markUsed(folder) {
  const now = new Date();
  try {
    utimesSync(folder, now, now);
  } catch {
    // Somebody else's build: whoever made it uses it.
  }
}

/** Returns the name of the build's folder, which is the hash of what is in it. */
async function build() {
  try {
    return await compile();
  } catch (error) {
    if (!(error instanceof Error && "syscall" in error)) throw error;
    const remedy = `make ${builds} writable for whoever runs the commands`;
    process.stderr.write(`the program cannot be built\n  found:   ${error.message}\n  remedy:  ${remedy}\n`);
    return process.exit(1);
  }
}

async function compile() {
  const esbuild = await import("esbuild");
  const startedAt = Date.now();
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
  recordBuild(root, record, metafile, name, startedAt);
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
