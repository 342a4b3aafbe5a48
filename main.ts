import { fileURLToPath } from "node:url";
import { synthesize } from "./app.ts";
import { UserError } from "./lib/errors.ts";
import { adviceOf } from "./lib/observe/site.ts";

try {
  const { observed } = await synthesize(fileURLToPath(new URL(".", import.meta.url)), process.env);
  // The CDKTF CLI labels standard error as an error, so warnings go to standard output.
  for (const warning of observed.warnings) process.stdout.write(`warning: ${warning}\n`);
  for (const advice of adviceOf(observed)) process.stdout.write(`advice: ${advice}\n`);
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  // A person reads this in the CDKTF CLI's frame; a stack would push the message out of sight.
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.exitCode;
}
