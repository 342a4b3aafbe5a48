import { synthesize } from "./app.ts";
import { UserError } from "./lib/errors.ts";
import { adviceOf } from "./lib/observe/site.ts";

/** Writes the stacks of the checkout `root` where the CDKTF CLI asks for them, and says what the hosts gave to say. */
export async function main(root: string): Promise<void> {
  try {
    const { observed, pins } = await synthesize(root, process.env);
    // The CDKTF CLI labels standard error as an error, so warnings go to standard output.
    for (const warning of observed.warnings) process.stdout.write(`warning: ${warning}\n`);
    for (const advice of adviceOf(observed, pins)) process.stdout.write(`advice: ${advice}\n`);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // A person reads this in the CDKTF CLI's frame; a stack would push the message out of sight.
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error.exitCode;
  }
}
