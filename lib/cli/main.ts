import { Command, CommanderError } from "commander";
import { exitCodes, InfraBlockedError, UserError } from "../errors.ts";
import type { Synthesize } from "../review/synthesized.ts";
import { addApproveCommand } from "./approve.ts";
import { addArtifactCommands } from "./artifact.ts";
import { addDeployCommands } from "./deploy.ts";
import { addDoctorCommand } from "./doctor.ts";
import { addHistoryCommand } from "./history.ts";
import { addObserverCommands } from "./observer.ts";
import { addPinCommands } from "./pin.ts";
import { addRegistryCommands } from "./registry.ts";
import { addRetireCommand } from "./retire.ts";
import { addReviewCommands } from "./review.ts";

const noApp: Synthesize = () => Promise.reject(new Error("this program was made without the app"));

/** Every command of `npx unidesk`, about the checkout `root`. Reviews need the app that writes the stacks. */
export function createProgram(root: string, synthesize: Synthesize = noApp): Command {
  const program = new Command("unidesk")
    .description("Commit-pinned deployment over SSH that a person can review.")
    .showHelpAfterError("(add --help for what is allowed)");
  addRegistryCommands(program, root);
  addArtifactCommands(program, root);
  addPinCommands(program, root);
  addDeployCommands(program, root);
  addApproveCommand(program, root);
  addHistoryCommand(program, root);
  addRetireCommand(program, root);
  addReviewCommands(program, root, synthesize);
  addObserverCommands(program, root);
  addDoctorCommand(program, root);
  for (const command of [program, ...program.commands.flatMap((group) => [group, ...group.commands])]) {
    command.exitOverride();
  }
  return program;
}

/** Runs one command line; returns the exit code: 0 ok, 1 no, 2 usage (of `review`: changes), 3 infra-blocked. */
export async function run(argv: readonly string[], root: string, synthesize?: Synthesize): Promise<number> {
  const program = createProgram(root, synthesize);
  process.exitCode = exitCodes.ok;
  try {
    await program.parseAsync([...argv], { from: "user" });
    return Number(process.exitCode ?? exitCodes.ok);
  } catch (error) {
    const code = report(error, argv.includes("--json"));
    // Of a review 2 says that there are changes; a job that reads it must not take a typo for them.
    return argv[0] === "review" && code === exitCodes.usage ? exitCodes.no : code;
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
