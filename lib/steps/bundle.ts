import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

export interface StepBundle {
  /** Absolute path of the JavaScript file. */
  readonly path: string;
  /** Lowercase hex SHA-256 of the file. */
  readonly sha256: string;
}

/**
 * Bundles all steps into one file, which starts in a twentieth of the time that tsx takes. The file's
 * name is its content's hash, so that a plan keeps running the steps that it was made with.
 */
export function bundleSteps(folder: string): StepBundle {
  const { outputFiles } = buildSync({
    entryPoints: [fileURLToPath(new URL("./main.ts", import.meta.url))],
    // Comments name each source relative to this: the hash is the same wherever the command is run.
    absWorkingDir: fileURLToPath(new URL("../..", import.meta.url)),
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    // What some dependencies have as CommonJS asks for its own files at run time; their modules do not.
    mainFields: ["module", "main"],
    minifySyntax: true,
    legalComments: "none",
    write: false,
    logLevel: "warning",
    // Some dependencies are CommonJS and ask for Node's own modules by require().
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
  const code = outputFiles[0]?.contents ?? new Uint8Array();
  const sha256 = hashOf(code);
  const path = join(folder, `steps-${sha256.slice(0, 12)}.mjs`);
  if (!existsSync(path) || hashOf(readFileSync(path)) !== sha256) {
    mkdirSync(folder, { recursive: true });
    const stage = `${path}.${process.pid}`;
    writeFileSync(stage, code);
    renameSync(stage, path);
  }
  return { path, sha256 };
}

function hashOf(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
