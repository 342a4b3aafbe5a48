import { ExecaError, execa, type Options } from "execa";
import * as z from "zod";
import { LabError } from "./errors.ts";
import { definitionLabel } from "./settings.ts";

/** Runs the outer Docker's client and returns its standard output, with `all` also its standard error. */
export async function docker(args: readonly string[], options: Options = {}): Promise<string> {
  try {
    const result = await execa("docker", args, { stdin: "ignore", timeout: 120_000, ...options });
    return String((options.all ? result.all : result.stdout) ?? "");
  } catch (error) {
    throw dockerError(args, error);
  }
}

function dockerError(args: readonly string[], error: unknown): unknown {
  if (!(error instanceof ExecaError)) return error;
  const command = `docker ${args[0]}`;
  if (error.code === "ENOENT") {
    return new LabError("There is no docker command. Install Docker (Debian: docker.io) and try again.", {
      cause: error,
    });
  }
  const stderr = String(error.stderr ?? "").trim();
  if (/Cannot connect to the Docker daemon|error during connect/.test(stderr)) {
    return new LabError(`No Docker daemon answers (${stderr}). Start Docker, or run dockerd, and try again.`, {
      cause: error,
    });
  }
  if (error.timedOut) return new LabError(`${command} gave no answer in ${error.durationMs} ms.`, { cause: error });
  return new LabError(`${command} failed: ${stderr || error.shortMessage}`, { cause: error });
}

/** True where the object is there; false only where Docker says that it is not. */
export async function dockerHas(kind: "image" | "network" | "volume", name: string): Promise<boolean> {
  try {
    await docker(["inspect", "--type", kind, "--format", "present", name]);
    return true;
  } catch (error) {
    if (isAbsence(error)) return false;
    throw error;
  }
}

const containerSchema = z.object({
  State: z.object({ Running: z.boolean(), Paused: z.boolean(), Status: z.string() }),
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullable() }),
});

export interface ContainerState {
  readonly running: boolean;
  readonly status: string;
  readonly definition: string | undefined;
}

/** State of a container, or undefined where there is none. */
export async function inspectContainer(name: string): Promise<ContainerState | undefined> {
  const reply = await docker(["container", "inspect", name]).catch((error: unknown) => {
    if (isAbsence(error)) return "[]";
    throw error;
  });
  const [found] = z.array(containerSchema).parse(JSON.parse(reply));
  if (found === undefined) return undefined;
  return {
    running: found.State.Running && !found.State.Paused,
    status: found.State.Status,
    definition: found.Config.Labels?.[definitionLabel],
  };
}

function isAbsence(error: unknown): boolean {
  return error instanceof LabError && /no such|not found/i.test(error.message);
}
