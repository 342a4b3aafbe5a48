import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import * as z from "zod";
import { parseJson } from "../config/json-file.ts";
import { exitCodes, UserError } from "../errors.ts";
import { type FingerprintInput, fingerprintParts, isFingerprint } from "./fingerprint.ts";
import { ReviewReport } from "./report.ts";
import type { Review } from "./review.ts";
import { planFile } from "./terraform.ts";

const Parts = z.strictObject(
  Object.fromEntries(fingerprintParts.map((part) => [part, z.array(z.string())])) as Record<
    (typeof fingerprintParts)[number],
    z.ZodArray<z.ZodString>
  >,
);

/** A review that this machine made: the only place that plan files ever are. */
export interface StoredReview {
  readonly folder: string;
  readonly report: ReviewReport;
  readonly parts: FingerprintInput;
  /** False of a review by an observing key: its plans could reach nothing. */
  readonly hasPlans: boolean;
  /** Plan file of a stack; undefined where it had nothing to do. */
  planOf(stack: string): string | undefined;
}

/** Everything that a review's folder has. */
const reviewFiles = ["report.json", "parts.json", "plans"];

/** How many reviews a checkout keeps. */
const kept = 20;
/** Longer than anybody writes one. */
const abandonedMs = 3_600_000;

function reviewsFolder(root: string): string {
  return join(root, ".unidesk", "reviews");
}

/**
 * Writes report, fingerprint parts and plan files; all or nothing, readable by this user alone, because a plan file
 * carries commands.
 *
 * @param folder Where to. Default: `.unidesk/reviews/<beginning of the fingerprint>` of the checkout.
 */
export function storeReview(root: string, { report, parts, folders }: Review, folder?: string): string {
  const target = folder === undefined ? join(reviewsFolder(root), report.fingerprint.slice(0, 16)) : resolve(folder);
  if (folder !== undefined && existsSync(target) && !isEmptyOrReview(target)) {
    throw new UserError(
      { what: `--out ${folder} is a folder of something else`, allowed: "a new folder, an empty one, or a review's" },
      exitCodes.usage,
    );
  }
  mkdirSync(resolve(target, ".."), { recursive: true });
  const stage = mkdtempSync(`${target}.`);
  if ([...folders.values()].every(({ refresh }) => refresh !== false)) {
    mkdirSync(join(stage, "plans"));
    for (const [stack, { path }] of folders) {
      const plan = join(path, planFile);
      if (existsSync(plan)) cpSync(plan, join(stage, "plans", `${stack}.tfplan`));
    }
  }
  writeFileSync(join(stage, "parts.json"), `${JSON.stringify(parts, null, 2)}\n`);
  writeFileSync(join(stage, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
  putInPlace(stage, target);
  if (folder === undefined) forgetOldest(root);
  return target;
}

function isEmptyOrReview(folder: string): boolean {
  const names = readdirSync(folder);
  // All of it is removed for the new one: a report.json alone may be anybody's.
  return names.length === 0 || (names.includes("parts.json") && names.every((name) => reviewFiles.includes(name)));
}

/** Reviews at once may have the same result: whichever comes last stands. */
function putInPlace(stage: string, target: string): void {
  for (let attempt = 1; ; attempt += 1) {
    // Renamed before it is removed, so that nobody finds half of one.
    const aside = `${stage}.old`;
    try {
      renameSync(target, aside);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
    }
    rmSync(aside, { recursive: true, force: true });
    try {
      renameSync(stage, target);
      return;
    } catch (error) {
      // Another one's is in place meanwhile.
      if (!["ENOTEMPTY", "EEXIST"].includes(codeOf(error) ?? "") || attempt === 100) throw error;
    }
  }
}

/** What is not named as a whole review is somebody's who still writes it, or who died in the middle long ago. */
function forgetOldest(root: string): void {
  const all = readdirSync(reviewsFolder(root))
    .map((name) => ({ name, path: join(reviewsFolder(root), name) }))
    .map(({ name, path }) => ({ name, path, time: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now() }))
    .sort((one, other) => other.time - one.time);
  const isWhole = ({ name }: { readonly name: string }) => /^[0-9a-f]{16}$/.test(name);
  const abandoned = all.filter((one) => !isWhole(one) && one.time < Date.now() - abandonedMs);
  for (const { path } of [...all.filter(isWhole).slice(kept), ...abandoned]) {
    rmSync(path, { recursive: true, force: true });
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** The review that a person named by its folder, or by a fingerprint that this machine knows. */
export function findReview(root: string, name: string): StoredReview | undefined {
  if (!isFingerprint(name)) return readReview(resolve(name), name);
  const folder = join(reviewsFolder(root), name.slice(0, 16));
  const found = existsSync(folder) ? readReview(folder, name) : undefined;
  return found?.report.fingerprint === name ? found : undefined;
}

function readReview(folder: string, name: string): StoredReview {
  const file = join(folder, "report.json");
  if (!existsSync(file)) {
    throw new UserError(
      {
        what: "--reviewed names neither a review's folder nor a fingerprint",
        found: name,
        allowed: "a folder that npx unidesk review wrote, or the 128 hex digits that it printed",
        remedy: "npx unidesk review",
      },
      exitCodes.usage,
    );
  }
  const report = parseJson(readFileSync(file, "utf8"), file, ReviewReport);
  const parts = parseJson(readFileSync(join(folder, "parts.json"), "utf8"), "parts.json", Parts);
  return {
    folder,
    report,
    parts,
    hasPlans: existsSync(join(folder, "plans")),
    planOf: (stack) => {
      const plan = join(folder, "plans", `${stack}.tfplan`);
      return existsSync(plan) ? plan : undefined;
    },
  };
}
