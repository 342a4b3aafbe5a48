import { readFileSync, rmSync } from "node:fs";
import { execa } from "execa";
import type { Connection } from "../config/hosts.ts";
import { withLock } from "./lock.ts";
import { controlPath, sshOptions } from "./options.ts";
import { unreachable } from "./run.ts";

/** An idle shared connection closes itself after this time. */
const persistSeconds = 120;

/** Opens the host's shared connection unless it is open. Throws InfraBlockedError where that fails. */
export async function openMaster(host: Connection): Promise<void> {
  if (host.kind === "local") return;
  const path = controlPath(host);
  const base = [...sshOptions(host), "-o", `ControlPath=${path}`];
  if (await isOpen(host, base)) return;
  // One run at a time: of two, one would unlink the other's fresh socket, and a master that cannot have the
  // socket never ends.
  await withLock(`${path}.lock`, async () => {
    if (!(await isOpen(host, base))) await open(host, base, path);
  });
}

async function isOpen(host: Connection, base: readonly string[]): Promise<boolean> {
  const check = await execa("ssh", [...base, "-O", "check", host.address], { reject: false, timeout: 5000 });
  return check.exitCode === 0;
}

async function open(host: Connection, base: readonly string[], path: string): Promise<void> {
  // A killed master leaves a socket file behind, which blocks the next one.
  rmSync(path, { force: true });
  // The master lives on in the background, so it must not hold our pipes: its errors go to a file.
  const log = `${path}.${process.pid}.log`;
  const opened = await execa(
    "ssh",
    [...base, "-o", "ControlMaster=yes", "-o", `ControlPersist=${persistSeconds}`, "-E", log, "-f", "-N", host.address],
    { reject: false, timeout: 15_000, stdio: "ignore" },
  );
  const errors = readIfThere(log);
  rmSync(log, { force: true });
  if (opened.exitCode !== 0) throw unreachable(host, errors);
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
