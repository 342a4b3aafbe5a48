import type { Command } from "commander";
import { findBuild } from "../config/ci-file.ts";
import { checkValue } from "../config/json-file.ts";
import { loadSite, overridesOf } from "../config/site.ts";
import { Commit } from "../config/values.ts";
import { publishArtifact } from "../publish/publish.ts";
import { print, printFields, printJson, withProgress } from "./output.ts";

interface PublishOptions {
  readonly service: string;
  readonly commit: string;
  readonly json?: boolean;
}

export function addArtifactCommands(program: Command, root: string): void {
  const artifact = program.command("artifact").description("images in the registry, by full commit");
  artifact
    .command("publish")
    .description("build a pushed commit on d601 and push it to the registry, or reuse what is there")
    .requiredOption("--service <service>", "service id of CI.json")
    .requiredOption("--commit <commit>", "full commit, 40 hex digits")
    .option("--json", "print the artifact summary as JSON")
    .action(async ({ service, commit, json }: PublishOptions) => {
      const site = loadSite(root, overridesOf(process.env));
      const build = findBuild(site.ci, service);
      const checked = checkValue(commit, "--commit", Commit);
      const title = `publishing ${service} ${checked}`;
      const { summary, built } = await withProgress(title, (say) => publishArtifact(site, build, checked, say));
      if (json) return printJson(summary);
      print(built ? "built and pushed" : "already published; nothing was built");
      printFields({ ...summary });
    });
}
