import type { Command } from "commander";
import { catalog, findService } from "../catalog/index.ts";
import { checkValue } from "../config/json-file.ts";
import { loadSite, overridesOf } from "../config/site.ts";
import { Environment } from "../config/values.ts";
import { exitCodes, UserError } from "../errors.ts";
import { environmentOfStack } from "../history/collect.ts";
import { readHistory } from "../history/read.ts";
import { historyTable } from "../history/table.ts";
import { print, printJson, withProgress } from "./output.ts";

interface HistoryOptions {
  readonly env?: string;
  readonly limit: string;
  readonly json?: boolean;
}

export function addHistoryCommand(program: Command, root: string): void {
  program
    .command("history")
    .description("what was deployed, restored and retired on the hosts, newest first")
    .argument("[service]", "service id; without it all")
    .option("--env <environment>", "prod or dev; without it both")
    .option("--limit <count>", "how many entries at most", "20")
    .option("--json", "print JSON")
    .action(async (service: string | undefined, options: HistoryOptions) => {
      const environment = options.env === undefined ? undefined : checkValue(options.env, "--env", Environment);
      const limit = limitOf(options.limit);
      if (service !== undefined && !findService(service)) throw unknownService(service);
      const { connections } = loadSite(root, overridesOf(process.env));
      const history = await withProgress("reading the history on the hosts", () =>
        readHistory(Object.values(connections), service),
      );
      const entries = history.entries
        .filter(({ stack }) => environment === undefined || environmentOfStack(stack) === environment)
        .slice(0, limit);
      process.exitCode = history.answered ? exitCodes.ok : exitCodes.infraBlocked;
      if (options.json) {
        const blocked = { decision: "infra-blocked", missingChannels: history.missingChannels };
        return printJson({
          ok: history.answered,
          ...(history.answered ? {} : blocked),
          entries,
          warnings: history.warnings,
        });
      }
      for (const warning of history.warnings) process.stderr.write(`warning: ${warning}\n`);
      if (entries.length > 0) print(historyTable(entries, process.stdout.columns ?? 80));
      else if (history.answered) print("no deployment is recorded");
    });
}

function limitOf(text: string): number {
  const limit = Number(text);
  if (/^\d+$/.test(text) && limit >= 1 && limit <= 10_000) return limit;
  throw new UserError(
    { what: "--limit is no such number", found: text, allowed: "a whole number from 1 to 10000" },
    exitCodes.usage,
  );
}

function unknownService(service: string): UserError {
  const known = catalog().map((entry) => entry.service);
  return new UserError(
    { what: "unknown service", found: service, allowed: known.join(", "), remedy: "correct the name" },
    exitCodes.usage,
  );
}
