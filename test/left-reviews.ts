import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { checkout } from "./checkout.ts";

/** Folders of the reviews that the commands of a target left in the checkout; other test files have theirs there too. */
function reviewsOf(target: string): string[] {
  return pathsIn("reviews").filter((path) => isOf(target, join(path, "report.json")));
}

/** Files of the receipts that a target's applies left in the checkout, each as JSON and as Markdown. */
export function receiptsOf(target: string): string[] {
  const own = pathsIn("receipts").filter((path) => path.endsWith(".json") && isOf(target, path));
  return own.flatMap((json) => [json, json.replace(/json$/, "md")]);
}

export function forgetReviews(target: string): void {
  for (const path of [...reviewsOf(target), ...receiptsOf(target)]) rmSync(path, { recursive: true, force: true });
}

/** Where this machine keeps the review of a fingerprint. */
export function storedFolder(fingerprint: string): string {
  return join(checkout, ".unidesk", "reviews", fingerprint.slice(0, 16));
}

/** This machine forgets a review, so that nothing but its fingerprint is left: as on another machine. */
export function forgetReview(fingerprint: string): void {
  rmSync(storedFolder(fingerprint), { recursive: true });
}

function pathsIn(name: string): string[] {
  const folder = join(checkout, ".unidesk", name);
  return existsSync(folder) ? readdirSync(folder).map((one) => join(folder, one)) : [];
}

/** One that somebody is writing or removing is somebody else's. */
function isOf(target: string, file: string): boolean {
  try {
    return (JSON.parse(readFileSync(file, "utf8")) as { target?: unknown }).target === target;
  } catch {
    return false;
  }
}
