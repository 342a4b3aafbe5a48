import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { App } from "cdktf";
import { loadPins, loadSite, overridesOf } from "./lib/config/site.ts";
import { exitCodes, UserError } from "./lib/errors.ts";
import { adviceOf, nothingObserved, observeSite } from "./lib/observe/site.ts";
import { bundleSteps } from "./lib/steps/bundle.ts";
import { addStacks } from "./stacks/index.ts";

const root = fileURLToPath(new URL(".", import.meta.url));

try {
  const site = loadSite(root, overridesOf(process.env));
  const pins = loadPins(site);
  const observed = shouldObserve(process.env.UNIDESK_OBSERVE) ? await observeSite(site, pins) : nothingObserved;
  // The CDKTF CLI labels standard error as an error, so warnings go to standard output.
  for (const warning of observed.warnings) process.stdout.write(`warning: ${warning}\n`);
  for (const advice of adviceOf(observed)) process.stdout.write(`advice: ${advice}\n`);
  const runtime = { bundle: bundleSteps(join(root, ".unidesk", "steps")), connections: site.connections };
  const app = new App();
  addStacks(app, { site, pins, runtime, observed });
  app.synth();
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  // A person reads this in the CDKTF CLI's frame; a stack would push the message out of sight.
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.exitCode;
}

function shouldObserve(value = "on"): boolean {
  if (value === "on" || value === "off") return value === "on";
  throw new UserError(
    { what: "UNIDESK_OBSERVE is neither on nor off", found: value, allowed: "on, off" },
    exitCodes.usage,
  );
}
