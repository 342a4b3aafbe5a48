import { fileURLToPath } from "node:url";
import { Command, CommanderError } from "commander";
import { exitCodes, InfraBlockedError, UserError } from "../errors.ts";
import { addApproveCommand } from "./approve.ts";
import { addArtifactCommands } from "./artifact.ts";
import { addDoctorCommand } from "./doctor.ts";
import { addHistoryCommand } from "./history.ts";
import { addRegistryCommands } from "./registry.ts";
import { addRetireCommand } from "./retire.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Every command of `npx unidesk`. */
export function createProgram(): Command {
  const program = new Command("unidesk")
    .description("Commit-pinned deployment over SSH that a person can review.")
    .showHelpAfterError("(add --help for what is allowed)");
  addRegistryCommands(program, root);
  addArtifactCommands(program, root);
  addApproveCommand(program, root);
  addHistoryCommand(program, root);
  addRetireCommand(program, root);
  addDoctorCommand(program, root);
  for (const command of [program, ...program.commands.flatMap((group) => [group, ...group.commands])]) {
    command.exitOverride();
  }
  return program;
}

/** Runs one command line; returns the exit code: 0 ok, 1 no, 2 usage, 3 infra-blocked. */
export async function run(argv: readonly string[]): Promise<number> {
  const program = createProgram();
  process.exitCode = exitCodes.ok;
  try {
    await program.parseAsync([...argv], { from: "user" });
    return Number(process.exitCode ?? exitCodes.ok);
  } catch (error) {
    return report(error, argv.includes("--json"));
  }
}

function report(error: unknown, json: boolean): number {
  if (error instanceof CommanderError) {
    // Commander has already said it; asking for help is no error.
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  }
  if (!(error instanceof UserError)) throw error;
  const blocked = error instanceof InfraBlockedError;
  if (json) {
    const decision = blocked ? { decision: "infra-blocked", missingChannels: error.missingChannels } : {};
    process.stdout.write(`${JSON.stringify({ ok: false, ...decision, error: error.problem }, null, 2)}\n`);
  } else {
    process.stderr.write(`${blocked ? "infra-blocked: " : ""}${error.message}\n`);
  }
  return error.exitCode;
}
