import type { Command } from "commander";
import { exitCodes } from "../errors.ts";
import { print, printJson } from "./output.ts";

const answer = {
  ok: false,
  decision: "deprecated",
  command: "registry deploy-backend-core",
  message: "nothing was done: backend-core is deployed like every other service, from a reviewed pin",
  standardPath: [
    "npx unidesk artifact publish --service backend-core --commit SHA",
    "npx unidesk pin set backend-core --env dev --commit SHA",
    "npx unidesk deploy plan --service backend-core",
    "npx unidesk review",
    "npx unidesk apply --reviewed FINGERPRINT",
  ],
} as const;

/** The old entry. It takes whatever it once took and does nothing, so that an old script fails with the way to go. */
export function addDeployBackendCore(registry: Command): void {
  registry
    .command("deploy-backend-core")
    .description("deprecated: does nothing, and names the standard path")
    .allowUnknownOption()
    .allowExcessArguments()
    .option("--json", "print JSON")
    .action(({ json }: { readonly json?: boolean }) => {
      process.exitCode = exitCodes.no;
      if (json) return printJson(answer);
      print(`${answer.decision}: ${answer.message}`);
      for (const command of answer.standardPath) print(`  ${command}`);
    });
}
