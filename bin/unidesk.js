#!/usr/bin/env node
// Every command of `npx unidesk`.
import { load, root } from "./program.js";

// A reader such as `head` that has seen enough is no failure.
process.stdout.on("error", (error) => {
  if ("code" in error && error.code === "EPIPE") process.exit();
  throw error;
});
/** @type {typeof import("../lib/cli/main.ts")} */
const { run } = await load("cli");
/**
 * The app brings Terraform's bindings, which take a while to load; most commands do without.
 *
 * @type {import("../lib/review/synthesized.ts").Synthesize}
 */
const synthesize = async (root, environment, outdir) => {
  /** @type {typeof import("../app.ts")} */
  const app = await load("app");
  return app.synthesize(root, environment, outdir);
};
process.exitCode = await run(process.argv.slice(2), root, synthesize);
