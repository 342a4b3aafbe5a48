import { browserPrograms } from "../../tools/browser.mjs";
import { Problem } from "./problem.mjs";
import { onPath } from "./run.mjs";
import { aptInstall, canInstall, howToInstall } from "./system.mjs";

/**
 * The browser that looks at the review's page; only tests need one.
 * @param {boolean} checkOnly
 */
export async function prepareBrowser(checkOnly) {
  if (onPath(...browserPrograms).length > 0) return;
  if (canInstall() && !checkOnly) await aptInstall(["chromium"]);
  if (onPath(...browserPrograms).length > 0) return;
  throw new Problem(`not on PATH: ${browserPrograms.join(" or ")}`, howToInstall(["chromium"]));
}
