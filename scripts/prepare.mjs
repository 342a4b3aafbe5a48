#!/usr/bin/env node
// Makes this machine ready for `npm start` and `npm test`. Node's builtins only: it runs before npm packages exist.
//   node scripts/prepare.mjs           installs, starts and builds what is missing
//   node scripts/prepare.mjs --check   says what is missing and changes nothing
//   --browser with either: also the browser that the tests look at pages with
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheDir } from "../tools/paths.mjs";
import { prepareBrowser } from "./prepare/browser.mjs";
import { prepareBaseImage, prepareDocker } from "./prepare/docker.mjs";
import { releaseLocks, withLock } from "./prepare/files.mjs";
import { prepareKubernetes } from "./prepare/kubernetes.mjs";
import { prepareNpm } from "./prepare/npm.mjs";
import { Problem } from "./prepare/problem.mjs";
import { green, red } from "./prepare/progress.mjs";
import { onPath, stopChildren } from "./prepare/run.mjs";
import { preparePrograms } from "./prepare/system.mjs";
import { prepareBinary, preparePlugins } from "./prepare/terraform.mjs";

const known = ["--check", "--browser"];
const unknown = process.argv.slice(2).filter((argument) => !known.includes(argument));
if (unknown.length > 0) {
  console.error(`prepare: unknown argument ${unknown.join(" ")}; allowed: ${known.join(", ")}`);
  process.exit(2);
}
const checkOnly = process.argv.includes("--check");
const root = fileURLToPath(new URL("..", import.meta.url));
const started = Date.now();

for (const [signal, code] of /** @type {const} */ ([
  ["SIGINT", 130],
  ["SIGTERM", 143],
]))
  process.once(signal, () => {
    stopChildren();
    releaseLocks();
    process.exit(code);
  });

/** @type {Problem[]} */
const problems = [];
/** What the lab does without, where it is not there. @type {Problem[]} */
const notes = [];

/**
 * @template T
 * @param {() => Promise<T>} work
 * @param {Problem[]} [list]
 * @returns {Promise<T | undefined>}
 */
async function attempt(work, list = problems) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    list.push(error);
    return undefined;
  }
}

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 12))
  problems.push(new Problem(`Node ${process.versions.node} is too old: >= 20.12 is needed`, "install Node 20 LTS"));

await attempt(() => preparePrograms(checkOnly));
if (process.argv.includes("--browser")) await attempt(() => prepareBrowser(checkOnly));
await attempt(async () => {
  if (onPath("docker").length === 0) return; // preparePrograms has said so
  await prepareDocker(join(cacheDir, "dockerd.log"), checkOnly);
  await prepareBaseImage(checkOnly);
});
await attempt(() => prepareNpm(root, checkOnly));

/**
 * One preparation at a time builds.
 * @template T
 * @param {() => Promise<T>} work
 */
const builds = (work) =>
  checkOnly ? work() : withLock(join(cacheDir, "prepare.lock"), work, (text) => console.log(`  prepare ${text}`));

const terraform = await attempt(() =>
  builds(async () => {
    const found = await prepareBinary(cacheDir, checkOnly);
    await preparePlugins(cacheDir, found.binary, checkOnly);
    return found;
  }),
);
// Last, because it takes the longest and all else works without it.
await attempt(() => builds(() => prepareKubernetes(cacheDir, checkOnly)), notes);

for (const note of notes) console.log(`! ${note.message}\n    ${note.remedy}`);
if (problems.length > 0) {
  console.error(`${red("✗")} This machine is not ready. What is wrong, and the remedy below each:`);
  for (const problem of problems) console.error(`${red("•")} ${problem.message}\n    ${problem.remedy}`);
  process.exitCode = 1;
} else {
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`${green("✓")} Ready: Node ${process.versions.node}, Terraform ${terraform?.version} (${seconds} s)`);
}
