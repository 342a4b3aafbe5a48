import { join } from "node:path";
import { loadPins, loadSite, overridesOf } from "./lib/config/site.ts";
import { exitCodes, UserError } from "./lib/errors.ts";
import { nothingObserved, observeSite } from "./lib/observe/site.ts";
import type { Synthesized } from "./lib/review/synthesized.ts";
import { bundleSteps } from "./lib/steps/bundle.ts";

/**
 * Reads the site, looks at its hosts and writes every stack as Terraform JSON.
 *
 * @param outdir Folder to write to. Default: as the CDKTF CLI asks by CDKTF_OUTDIR.
 */
export async function synthesize(root: string, environment: NodeJS.ProcessEnv, outdir?: string): Promise<Synthesized> {
  const site = loadSite(root, overridesOf(environment));
  const pins = loadPins(site);
  const isObserved = shouldObserve(environment.UNIDESK_OBSERVE);
  // Terraform's bindings are loaded and the steps bundled while the hosts answer.
  const looking = isObserved ? observeSite(site, pins) : Promise.resolve(nothingObserved);
  const [observed, { writeStacks, bundle }] = await Promise.all([looking, load(root)]);
  const written = writeStacks({ site, pins, runtime: { bundle, connections: site.connections }, observed }, outdir);
  return { site, pins, isObserved, observed, bundle, ...written };
}

async function load(root: string) {
  const { writeStacks } = await import("./stacks/index.ts");
  return { writeStacks, bundle: bundleSteps(root, join(root, ".unidesk", "steps")) };
}

function shouldObserve(value = "on"): boolean {
  if (value === "on" || value === "off") return value === "on";
  throw new UserError(
    { what: "UNIDESK_OBSERVE is neither on nor off", found: value, allowed: "on, off" },
    exitCodes.usage,
  );
}
