import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** What else decides about a build. */
const settings = ["package.json", "tsconfig.json", "node_modules/esbuild/package.json"];

/**
 * What the last build of a checkout's sources made, as long as every one of them is as it was then: contents are
 * compared, not times. Undefined otherwise, also where the record cannot be read.
 *
 * @param {string} root Folder of the checkout.
 * @param {string} file Path of the record.
 * @returns {string | undefined} Name of what was built.
 */
export function recordedBuild(root, file) {
  try {
    const { inputs, sha256, output } = JSON.parse(readFileSync(file, "utf8"));
    return sha256 === contentHash(root, inputs) ? output : undefined;
  } catch {
    return undefined;
  }
}

/** File systems tell the time less exactly than the clock does. */
const clockMs = 50;

/**
 * Remembers a build for `recordedBuild`; not one in which a source was written meanwhile, because nobody knows which
 * content went into it.
 *
 * @param {string} root
 * @param {string} file
 * @param {import("esbuild").Metafile} metafile
 * @param {string} output
 * @param {number} startedAt When the build was started, in milliseconds as by `Date.now()`.
 */
export function recordBuild(root, file, metafile, output, startedAt) {
  const inputs = [...settings, ...Object.keys(metafile.inputs)].filter((path) => existsSync(join(root, path)));
  if (inputs.some((path) => writtenAt(join(root, path)) > startedAt - clockMs)) return;
  mkdirSync(dirname(file), { recursive: true });
  // Written beside and renamed: another command may build at the same time.
  const stage = `${file}.${process.pid}`;
  writeFileSync(stage, JSON.stringify({ output, sha256: contentHash(root, inputs), inputs }));
  renameSync(stage, file);
}

/**
 * A file that is copied with its times has an old time of its own and was changed now all the same.
 *
 * @param {string} path
 */
function writtenAt(path) {
  const { mtimeMs, ctimeMs } = statSync(path);
  return Math.max(mtimeMs, ctimeMs);
}

/**
 * @param {string} root
 * @param {readonly string[]} paths
 */
function contentHash(root, paths) {
  const hash = createHash("sha256");
  for (const path of paths)
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update("\0");
  return hash.digest("hex");
}
