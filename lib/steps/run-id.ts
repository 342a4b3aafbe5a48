import { spawnSync } from "node:child_process";
import { hostname } from "node:os";

/**
 * The same for all steps of one apply and another for every other apply: the machine and the process group.
 * (Whether `/bin/sh -c` replaces itself by its command differs, so the parent process says nothing.)
 */
export function runIdOf(pid = process.pid): string {
  const { stdout } = spawnSync("ps", ["-o", "pgid=", "-p", String(pid)], { encoding: "utf8" });
  return `${hostname()}/${Number(stdout?.trim()) || pid}`;
}
