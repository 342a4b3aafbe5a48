import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { UserError } from "../errors.ts";

/**
 * The same for all steps of one apply and another for every other apply: the machine and the process group.
 * (Whether `/bin/sh -c` replaces itself by its command differs, so the parent process says nothing.)
 */
export function runIdOf(pid = process.pid): string {
  // Zero is one too: of a process group outside of a container's own processes.
  const group = groupOfProc(pid) ?? groupOfPs(pid);
  if (group !== undefined) return `${hostname()}/${group}`;
  throw new UserError({
    what: "the process group of this apply cannot be read, so that its steps would not know one another",
    found: "neither /proc nor ps gives it",
    remedy: "install ps (the package procps)",
  });
}

/** proc_pid_stat(5): what is before the last parenthesis is the program's name, and may hold anything. */
function groupOfProc(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return integer(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2]);
  } catch {
    return undefined;
  }
}

function groupOfPs(pid: number): number | undefined {
  const { stdout } = spawnSync("ps", ["-o", "pgid=", "-p", String(pid)], { encoding: "utf8" });
  return integer(stdout?.trim());
}

function integer(text: string | undefined): number | undefined {
  return text && /^\d+$/.test(text) ? Number(text) : undefined;
}
