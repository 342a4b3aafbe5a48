import type { Connection } from "../config/hosts.ts";
import { UserError } from "../errors.ts";
import { lastLines, type RemoteOptions, runScript } from "./run.ts";

/**
 * Runs a bash script that has to succeed; returns its standard output. `purpose` completes the
 * sentence "<host>: could not …".
 */
export async function mustRun(
  host: Connection,
  purpose: string,
  script: string,
  args: readonly string[] = [],
  options: RemoteOptions = {},
): Promise<string> {
  const result = await runScript(host, script, args, options);
  if (result.exitCode === 0) return result.stdout;
  throw new UserError({
    what: `${host.name}: could not ${purpose} (exit ${result.exitCode})`,
    found: lastLines(result.stderr, 8) || "no output on standard error",
  });
}
