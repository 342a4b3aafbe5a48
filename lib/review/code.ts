import { createHash } from "node:crypto";
import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { registryScriptsHash } from "../registry/scripts.ts";
import type { RegistrySettings } from "../registry/settings.ts";
import type { StepBundle } from "../steps/bundle.ts";

/** What decides which steps there are, in which order and with which words, beside what a plan says of them. */
const declaring = ["constructs", "lib/catalog", "stacks"];

/** The code that an apply runs, as lines of a fingerprint: the same in every checkout of one commit. */
export function codeLines(root: string, registry: RegistrySettings, bundle: Pick<StepBundle, "sha256">): string[] {
  const lines = [`registry: ${registryScriptsHash(registry)}`, `steps: ${bundle.sha256}`];
  return [...lines, `stacks: ${sourcesHash(root)}`].sort();
}

function sourcesHash(root: string): string {
  // A site may use the sources of another folder.
  const sources = join(realpathSync(join(root, "constructs")), "..");
  const hash = createHash("sha256");
  for (const folder of declaring) {
    const names = readdirSync(join(sources, folder), { recursive: true, encoding: "utf8" });
    for (const name of names.filter((one) => one.endsWith(".ts")).sort()) {
      const content = readFileSync(join(sources, folder, name));
      hash.update(`${folder}/${name}\0${content.length}\0`).update(content);
    }
  }
  return hash.digest("hex");
}
