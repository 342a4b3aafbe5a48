import { Command, CommanderError } from "commander";
import { LabError } from "./errors.ts";
import { labHost, parseHostName } from "./settings.ts";

const program = new Command("lab")
  .description("Two hosts, d601 and main-server, as containers on this machine.")
  .enablePositionalOptions()
  .exitOverride();

program
  .command("up")
  .description("build, start or repair the lab until both hosts are as declared")
  .action(async () => (await import("./up.ts")).up());

program
  .command("down")
  .description("remove the hosts with their data and keys; built images stay")
  .action(async () => {
    const [{ removeLab }, { withLabLock }] = await Promise.all([import("./down.ts"), import("./lock.ts")]);
    await withLabLock(removeLab);
  });

program
  .command("status")
  .description("show each host; exit 0 when all are up, else 1")
  .option("--json", "print JSON")
  .action(async (options: { json?: true }) => {
    const { labStatus, renderStatus } = await import("./status.ts");
    const status = await labStatus();
    console.log(options.json ? JSON.stringify(status, undefined, 2) : renderStatus(status));
    process.exitCode = status.up ? 0 : 1;
  });

program
  .command("ssh")
  .description("run a command on a host, or open a shell there")
  .argument("<host>")
  .argument("[command...]")
  .passThroughOptions()
  .action(async (host: string, command: string[]) => {
    const { openSsh } = await import("./ssh.ts");
    process.exitCode = await openSsh(labHost(parseHostName(host)), command);
  });

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has already printed its message; help that was asked for is no error.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else if (error instanceof LabError) {
    console.error(error.message);
    process.exitCode = error.exitCode;
  } else {
    throw error;
  }
}
