import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
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
  return name && isWhole(name) ? name : undefined;
}

/**
 * Whether a build's folder has what its name says: one that was cut off while it was written or removed has not.
 *
 * @param {string} name
 */
function isWhole(name) {
  try {
    const files = readdirSync(join(builds, name), { withFileTypes: true }).filter((entry) => entry.isFile());
    return name === nameOf(files.map((file) => [file.name, readFileSync(join(builds, name, file.name))]));
  } catch {
    return false;
  }
}

/**
 * The hash of a build's files.
 *
 * @param {readonly (readonly [name: string, content: Uint8Array])[]} files
 */
function nameOf(files) {
  const hash = createHash("sha256");
  for (const [name, content] of [...files].sort(([one], [other]) => (one < other ? -1 : 1))) {
    hash.update(`${name}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex").slice(0, 16);
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
  const name = nameOf(outputFiles.map(({ path, contents }) => [relative(builds, path), contents]));
  // Written beside and renamed: another command may build at the same time.
  const stage = join(builds, `stage-${process.pid}`);
  mkdirSync(stage, { recursive: true });
  for (const { path, contents } of outputFiles) writeFileSync(path.replace(builds, stage), contents);
  putInPlace(stage, name);
  recordBuild(root, record, metafile, name, startedAt);
  forgetOldBuilds(name);
  return name;
}

/**
 * Another command may have been faster; half of a build, of one that was cut off, gives way.
 *
 * @param {string} stage
 * @param {string} name
 */
function putInPlace(stage, name) {
  const target = join(builds, name);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return renameSync(stage, target);
    } catch (error) {
      if (!existsSync(target) || attempt === 100) throw error;
    }
    if (isWhole(name)) return rmSync(stage, { recursive: true });
    rmSync(target, { recursive: true, force: true });
  }
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
