import { z } from "zod";
import type { Connection } from "../config/hosts.ts";
import { UserError } from "../errors.ts";
import { mustRun } from "../ssh/script.ts";
import type { ComposeTarget } from "../steps/specs.ts";

const ConfigJson = z.looseObject({
  providerGateway: z.looseObject({ upgrade: z.looseObject({ composeEnvFile: z.string().min(1) }) }),
});

/** Path of the controlled env file on the host. config.json holds secrets: no message ever shows a part of it. */
export async function controlledEnvFile(host: Connection, target: ComposeTarget): Promise<string> {
  if ("path" in target.envFile) return target.envFile.path;
  const { configJson } = target.envFile;
  const config = parse(await mustRun(host, `read ${configJson}`, 'cat -- "$1"', [configJson]));
  if (!config) {
    throw new UserError({
      what: `${host.name}: ${configJson} does not name the controlled env file`,
      allowed: "JSON with providerGateway.upgrade.composeEnvFile, a path",
      remedy: `correct ${configJson} on that host`,
    });
  }
  const path = config.providerGateway.upgrade.composeEnvFile;
  return path.startsWith("/") ? path : `${target.root}/${path}`;
}

function parse(text: string): z.infer<typeof ConfigJson> | undefined {
  try {
    return ConfigJson.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
