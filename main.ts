import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { App } from "cdktf";
import { loadPins, loadSite, overridesOf } from "./lib/config/site.ts";
import { UserError } from "./lib/errors.ts";
import { bundleSteps } from "./lib/steps/bundle.ts";
import { addStacks } from "./stacks/index.ts";

const root = fileURLToPath(new URL(".", import.meta.url));

try {
  const site = loadSite(root, overridesOf(process.env));
  const runtime = { bundle: bundleSteps(join(root, ".unidesk", "steps")), connections: site.connections };
  const app = new App();
  addStacks(app, { site, pins: loadPins(site), runtime });
  app.synth();
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  // A person reads this in the CDKTF CLI's frame; a stack would push the message out of sight.
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.exitCode;
}
