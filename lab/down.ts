import { rm } from "node:fs/promises";
import { labDir, labName } from "../tools/paths.mjs";
import { docker } from "./docker.ts";
import { labLabel } from "./settings.ts";

/** Removes everything of the lab but the built images, which the next `up` uses again. */
export async function removeLab(): Promise<void> {
  const filter = ["--quiet", "--filter", `label=${labLabel}=${labName}`];
  const containers = lines(await docker(["ps", "--all", ...filter]));
  if (containers.length > 0) await docker(["rm", "--force", "--volumes", ...containers]);
  const networks = lines(await docker(["network", "ls", ...filter]));
  if (networks.length > 0) await docker(["network", "rm", ...networks]);
  const volumes = lines(await docker(["volume", "ls", ...filter]));
  if (volumes.length > 0) await docker(["volume", "rm", ...volumes]);
  await rm(labDir, { recursive: true, force: true });
}

function lines(text: string): string[] {
  return text.split("\n").filter(Boolean);
}
