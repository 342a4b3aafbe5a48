#!/usr/bin/env node
// Runs the TypeScript sources as they are: no build step, never a stale one.
import { register } from "tsx/esm/api";

register();
// A reader such as `head` that has seen enough is no failure.
process.stdout.on("error", (error) => {
  if ("code" in error && error.code === "EPIPE") process.exit();
  throw error;
});
const { run } = await import("../lib/cli/main.ts");
/**
 * The app brings Terraform's bindings, which take a while to load; most commands do without.
 *
 * @type {import("../lib/review/synthesized.ts").Synthesize}
 */
const synthesize = async (root, environment, outdir) =>
  (await import("../app.ts")).synthesize(root, environment, outdir);
process.exitCode = await run(process.argv.slice(2), synthesize);
