import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { recordBuild, recordedBuild } from "../../tools/build-record.mjs";

export interface StepBundle {
  /** Absolute path of the JavaScript file. */
  readonly path: string;
  /** Lowercase hex SHA-256 of the file. */
  readonly sha256: string;
}

/**
 * Bundles all steps of the checkout `root` into one file in `folder`, which needs nothing else to run. The file's
 * name is its content's hash, so that a plan keeps running the steps that it was made with.
 */
export function bundleSteps(root: string, folder: string): StepBundle {
  const entryPoint = realpathSync(join(root, "lib", "steps", "main.ts"));
  const sources = join(entryPoint, "../../..");
  const record = join(folder, "build.json");
  const pathOf = (sha256: string) => join(folder, `steps-${sha256.slice(0, 12)}.mjs`);
  const isThere = (sha256: string) => existsSync(pathOf(sha256)) && hashOf(readFileSync(pathOf(sha256))) === sha256;
  const built = recordedBuild(sources, record);
  if (built !== undefined && isThere(built)) return { path: pathOf(built), sha256: built };

  // Loaded where something is to be built: most commands find it built.
  const { buildSync } = createRequire(import.meta.url)("esbuild") as typeof import("esbuild");
  const startedAt = Date.now();
  const { outputFiles, metafile } = buildSync({
    entryPoints: [entryPoint],
    // Comments name each source relative to this: the hash is the same wherever the command is run.
    absWorkingDir: sources,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    // What some dependencies have as CommonJS asks for its own files at run time; their modules do not.
    mainFields: ["module", "main"],
    minifySyntax: true,
    legalComments: "none",
    metafile: true,
    write: false,
    logLevel: "warning",
    // Some dependencies are CommonJS and ask for Node's own modules by require().
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
  const code = outputFiles[0]?.contents ?? new Uint8Array();
  const sha256 = hashOf(code);
  if (!isThere(sha256)) {
    mkdirSync(folder, { recursive: true });
    const stage = `${pathOf(sha256)}.${process.pid}`;
    writeFileSync(stage, code);
    renameSync(stage, pathOf(sha256));
  }
  recordBuild(sources, record, metafile, sha256, startedAt);
  return { path: pathOf(sha256), sha256 };
}

function hashOf(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
