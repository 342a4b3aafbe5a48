import type { Command } from "commander";
import { mirrorUpstream } from "../artifacts/mirror.ts";
import { findUpstream } from "../config/ci-file.ts";
import { loadSite, overridesOf } from "../config/site.ts";
import { withRegistry } from "../registry/open.ts";
import { bridgeRestart } from "../registry/patience.ts";
import { print, printFields, printJson, withProgress } from "./output.ts";

interface MirrorOptions {
  readonly service: string;
  readonly json?: boolean;
}

export function addMirrorCommand(artifact: Command, root: string): void {
  artifact
    .command("mirror")
    .description("copy an upstream image of CI.json, by its digest, into the registry on d601")
    .requiredOption("--service <service>", "service id of an upstream-image entry of CI.json")
    .option("--json", "print the mirror summary as JSON")
    .action(async ({ service, json }: MirrorOptions) => {
      const site = loadSite(root, overridesOf(process.env));
      const entry = findUpstream(site.ci, service);
      const summary = await withProgress(`mirroring ${service} ${entry.digest}`, (say) =>
        withRegistry(site.connections.d601, site.registry.port, async (registry) => {
          await bridgeRestart(() => registry.ping());
          return mirrorUpstream(site, registry, entry, say);
        }),
      );
      if (json) return printJson(summary);
      const { copied, copier, ...fields } = summary;
      print(copied ? `copied by ${copier}` : "already mirrored; nothing was copied");
      printFields(fields);
    });
}
