import { execa } from "execa";
import { docker } from "./docker.ts";
import { LabError } from "./errors.ts";
import type { LabHost } from "./settings.ts";

/** Moves images from the outer Docker into a host's Docker: `images` is the name there to the name here. */
export async function pipeImages(images: Readonly<Record<string, string>>, host: LabHost): Promise<void> {
  try {
    await execa("docker", ["save", ...Object.values(images)]).pipe(
      "docker",
      ["exec", "--interactive", host.container, "docker", "load", "--quiet"],
      { timeout: 120_000 },
    );
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LabError(`The images ${Object.keys(images).join(", ")} did not reach ${host.name}: ${reason}`, {
      cause: error,
    });
  }
  for (const [name, source] of Object.entries(images)) {
    await docker(["exec", host.container, "docker", "tag", source, name]);
    await docker(["exec", host.container, "docker", "image", "rm", source]);
  }
}
