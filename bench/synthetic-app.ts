// node --import tsx synthetic-app.ts FOLDER SERVICES: writes a stack of that many services; prints its memory in kB.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { App } from "cdktf";
import { findService, isConsumer } from "../lib/catalog/index.ts";
import type { Pin } from "../lib/config/deploy-file.ts";
import { loadSite, overridesOf } from "../lib/config/site.ts";
import { Commit } from "../lib/config/values.ts";
import { nothingObserved } from "../lib/observe/site.ts";
import { bundleSteps } from "../lib/steps/bundle.ts";
import { PinStack } from "../stacks/pin-stack.ts";

const [folder = "", count = "0"] = process.argv.slice(2);
const root = fileURLToPath(new URL("..", import.meta.url));
const site = loadSite(root, overridesOf(process.env));
const model = findService("project-manager")?.consumers.prod;
if (!isConsumer(model) || model.runtime.kind !== "compose") throw new Error("project-manager runs by Compose no more");
const { runtime: modelRuntime } = model;
const names = Array.from({ length: Number(count) }, (_, index) => `synthetic-${index}`);
const pins = names.map((service): Pin => {
  const runtime = { ...modelRuntime, composeService: service, container: service, stableImage: service };
  const commit = Commit.parse(createHash("sha1").update(service).digest("hex"));
  return { service, environment: "prod", commit, consumer: { runtime } };
});
const runtime = { bundle: bundleSteps(root, join(root, ".unidesk", "steps")), connections: site.connections };
const app = new App({ outdir: folder });
const props = { site, runtime, observed: nothingObserved, environment: "prod" as const, host: "main-server" as const };
// The stack's name is that of its pins' place.
new PinStack(app, "unidesk-prod-main-server", { ...props, pins, services: names });
app.synth();
console.log(process.resourceUsage().maxRSS);
