#!/usr/bin/env node
// Runs the TypeScript sources as they are: no build step, never a stale one.
import { register } from "tsx/esm/api";

register();
const { run } = await import("../lib/cli/main.ts");
process.exitCode = await run(process.argv.slice(2));
