import type { Command } from "commander";
import { addListCommands } from "./artifact-list.ts";
import { addMirrorCommand } from "./artifact-mirror.ts";
import { addPublishCommand } from "./artifact-publish.ts";
import { addPruneCommand } from "./prune.ts";

export function addArtifactCommands(program: Command, root: string): void {
  const artifact = program.command("artifact").description("images in the registry, by full commit");
  addPublishCommand(artifact, root);
  addListCommands(artifact, root);
  addMirrorCommand(artifact, root);
  addPruneCommand(artifact, root);
}
