import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readIfThere, withLock, writeAtomic } from "./files.mjs";
import { Problem } from "./problem.mjs";
import { step } from "./progress.mjs";
import { run } from "./run.mjs";

/** @typedef {{ version?: string, link?: boolean, resolved?: string, optional?: boolean, devOptional?: boolean, peer?: boolean }} Locked */

/**
 * Whether what npm says it installed is what the lock file asks for; packages for other machines may be absent.
 * @param {string | undefined} lock text of package-lock.json
 * @param {string | undefined} installed text of node_modules/.package-lock.json
 */
export function inSync(lock, installed) {
  if (!lock || !installed) return false;
  /** @type {Record<string, Locked>} */
  const wanted = JSON.parse(lock).packages;
  /** @type {Record<string, Locked>} */
  const present = JSON.parse(installed).packages;
  return Object.entries(wanted).every(([path, want]) => {
    if (path === "") return true;
    const have = present[path];
    if (!have) return want.optional === true || want.devOptional === true;
    return have.version === want.version && have.link === want.link;
  });
}

/** @param {string} root @param {boolean} checkOnly */
export async function prepareNpm(root, checkOnly) {
  const modules = join(root, "node_modules");
  const stamp = join(modules, ".unidesk-lock-hash");
  const lock = readIfThere(join(root, "package-lock.json"));
  if (lock === undefined)
    throw new Problem("package-lock.json is missing", "restore it: git checkout -- package-lock.json");
  const hash = createHash("sha256").update(lock).digest("hex");
  const isReady = () => {
    const installed = readIfThere(join(modules, ".package-lock.json"));
    if (installed === undefined) return false;
    if (existsSync(join(root, "tools/terraform/terraform.sh")) && lock.includes('"tools/terraform"')) {
      if (!existsSync(join(modules, ".bin/terraform"))) return false;
    }
    return readIfThere(stamp) === hash || inSync(lock, installed);
  };
  if (!isReady()) {
    if (checkOnly) throw new Problem("node_modules does not match package-lock.json", "npm ci");
    await step("npm ci", (detail) =>
      withLock(
        join(root, ".unidesk", "npm.lock"),
        async () => {
          if (isReady()) return;
          const flags = ["--no-audit", "--no-fund"];
          const result = await run("npm", ["ci", ...flags], { cwd: root, onLine: detail });
          if (result.code !== 0) {
            const reasons = result.output.split("\n").filter((line) => /^npm error \S/.test(line));
            throw new Problem(`npm ci failed:\n${reasons.slice(0, 8).join("\n")}`, `cd ${root} && npm ci`);
          }
          if (!inSync(lock, readIfThere(join(modules, ".package-lock.json"))))
            throw new Problem("npm installed other versions than package-lock.json names", `cd ${root} && npm ci`);
        },
        detail,
      ),
    );
  }
  if (!checkOnly) writeAtomic(stamp, hash);
}
