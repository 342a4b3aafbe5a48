import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { holderCommand } from "../delivery/tunnel-protocol.ts";
import { apiTunnelCommand } from "../kubernetes/api-tunnel-protocol.ts";
import { credentialCommand } from "../kubernetes/credential-args.ts";

/** Longer than a deployment takes to be put back; whoever kills an apply that does not end waits longer. */
export const orderlyEndSeconds = 150;

/** What is started from the bundle too and is no step: it serves others, or ends by itself at once. */
const noSteps = [holderCommand, apiTunnelCommand, credentialCommand];

/**
 * Ends Terraform as a person's Ctrl-C should. Terraform that is told to stop kills its steps at once, and what they
 * were about to put back waits for the host's own deadline. So Terraform stands still while the steps are told and
 * put things in order; then it is told, sees that they failed, and writes its state.
 */
export async function endInOrder(terraform: number): Promise<void> {
  const guard = continueOnDeath(terraform);
  signal(terraform, "SIGSTOP");
  try {
    for (const pid of await stepsOf(terraform)) signal(pid, "SIGINT");
    for (const began = Date.now(); Date.now() - began < orderlyEndSeconds * 1000; await sleep(100)) {
      if ((await stepsOf(terraform)).length === 0) break;
    }
  } finally {
    guard.kill("SIGKILL");
    // Pending until it continues, so that it begins nothing in between.
    signal(terraform, "SIGINT");
    signal(terraform, "SIGCONT");
  }
}

/**
 * Somebody who kills this process leaves nobody who would continue Terraform, and its state stays locked. This one waits
 * in a session of its own for our end of its standard input to close.
 */
function continueOnDeath(terraform: number): ChildProcess {
  const script = 'read -r _; kill -INT "$1"; kill -CONT "$1"';
  const args = ["-c", script, "unidesk", String(terraform)];
  const guard = spawn("sh", args, { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  // Without it the end is as orderly as this process lets it be.
  return guard.on("error", () => {});
}

/** Process ids of the steps that a Terraform process runs. */
async function stepsOf(terraform: number): Promise<number[]> {
  const { stdout } = await execa("ps", ["-eo", "pid=,ppid=,stat=,args="], { reject: false });
  const all = String(stdout ?? "")
    .split("\n")
    .map((line) => /^ *(\d+) +(\d+) +(\S+) +(.*)$/.exec(line))
    .flatMap((match) =>
      match ? [{ pid: Number(match[1]), parent: Number(match[2]), state: match[3], args: match[4] }] : [],
    );
  const family = new Set([terraform]);
  for (let size = 0; size !== family.size; ) {
    size = family.size;
    for (const { pid, parent } of all) if (family.has(parent)) family.add(pid);
  }
  return all
    .filter(({ pid, state }) => family.has(pid) && !state?.startsWith("Z"))
    .filter(({ args = "" }) => isStep(args))
    .map(({ pid }) => pid);
}

function isStep(args: string): boolean {
  // The shell between Terraform and a step ends with the step.
  const word = /^\S*node .*\/steps-[0-9a-f]+\.mjs (\S+)/.exec(args)?.[1];
  return word !== undefined && !noSteps.includes(word);
}

/** One that has ended meanwhile needs none. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
