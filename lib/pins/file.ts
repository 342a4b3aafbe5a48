import { createHash, randomBytes } from "node:crypto";
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { DeployFile, type Pin, resolvePins } from "../config/deploy-file.ts";
import { parseJson } from "../config/json-file.ts";
import { loadPins, type Site } from "../config/site.ts";
import { exitCodes, messageOf, UserError } from "../errors.ts";
import { withLock } from "../ssh/lock.ts";
import { runtimeDir } from "../ssh/options.ts";
import { editPins, type PinChange } from "./edit.ts";

/** A pins file as it was read. */
export interface OpenedPins {
  /** What messages call it. */
  readonly name: string;
  /** Where its bytes lie, behind any symbolic link. */
  readonly path: string;
  readonly text: string;
  readonly pins: readonly Pin[];
}

export function openPins(site: Site): OpenedPins {
  const name = site.deployFile;
  // Reads and checks it first, so that every problem is said as everywhere else.
  const pins = loadPins(site);
  const path = realpathSync(resolve(site.root, name));
  const bytes = readFileSync(path);
  const text = bytes.toString("utf8");
  if (!Buffer.from(text).equals(bytes)) {
    throw new UserError(
      {
        what: `${name} is not UTF-8 and is not edited`,
        allowed: "RFC 8259: JSON is UTF-8",
        remedy: "save it as UTF-8",
      },
      exitCodes.usage,
    );
  }
  return { name, path, text, pins };
}

/**
 * Writes the changes; true where that changed a byte. The file is replaced as a whole, or not at all. Edits of other pins
 * meanwhile are kept: what was decided depends on the own pins alone.
 */
export async function changePins(opened: OpenedPins, changes: readonly PinChange[]): Promise<boolean> {
  const { name, path } = opened;
  if (editPins(opened.text, changes) === opened.text) return false;
  const lock = join(runtimeDir(), `edit-${createHash("sha256").update(path).digest("hex").slice(0, 16)}`);
  await withLock(lock, async () => {
    const current = readFileSync(path);
    const before = current.toString("utf8");
    if (before !== opened.text) requireSamePins(opened, before, changes);
    const text = editPins(before, changes);
    // What is written must read as it was meant, whatever the file's layout.
    resolvePins(parseJson(text, name, DeployFile), name);
    replace({ ...opened, text: before }, text);
  });
  return true;
}

function requireSamePins({ name, pins }: OpenedPins, text: string, changes: readonly PinChange[]): void {
  const now = resolvePins(parseJson(text, name, DeployFile), name);
  const entryOf = (all: readonly Pin[], { environment, service }: PinChange) => {
    const pin = all.find((one) => one.environment === environment && one.service === service);
    return JSON.stringify([pin?.commit, pin?.digest, pin?.rollback]);
  };
  if (changes.some((change) => entryOf(pins, change) !== entryOf(now, change))) throw changedMeanwhile(name);
}

function changedMeanwhile(name: string): UserError {
  return new UserError({
    what: `${name} was changed by somebody else meanwhile; nothing was written`,
    remedy: "look at the other change, then run the command again",
  });
}

/** What keeps a file from being written, and what helps. */
const obstacles: Readonly<Record<string, string>> = {
  EACCES: "let this user write the file's folder",
  EPERM: "let this user write the file's folder; only its owner, or root, can keep the owner",
  EROFS: "edit it where its file system is writable",
  ENOSPC: "free space on its file system",
  EDQUOT: "free space of this user's",
  EBUSY: "the file is a mount of its own, as a container has it: mount its folder instead",
};

function replace(opened: OpenedPins, text: string): void {
  try {
    replaceFile(opened, text);
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    const remedy = obstacles[String(error.code)] ?? `correct what the message names, then run the command again`;
    const what = `${opened.name} cannot be written; it is as it was: ${opened.path}`;
    throw new UserError({ what, found: messageOf(error), remedy });
  }
}

function replaceFile({ name, path, text: before }: OpenedPins, text: string): void {
  const { mode, uid, gid } = statSync(path);
  // A file can be replaced whatever its own mode is; who took the bit away did not want that.
  if ((mode & 0o200) === 0) {
    throw new UserError({
      what: `${name} is read-only and is not written: ${path}`,
      found: `mode ${(mode & 0o7777).toString(8)}`,
      allowed: "a file that its owner may write",
      remedy: `chmod u+w ${path}, or edit where the file is meant to be edited`,
    });
  }
  const stage = join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(4).toString("hex")}`);
  try {
    const file = openSync(stage, "wx", 0o600);
    try {
      // Not writeSync, which writes a part and says how much.
      writeFileSync(file, text);
      if (uid !== process.getuid?.() || gid !== process.getgid?.()) fchownSync(file, uid, gid);
      fchmodSync(file, mode & 0o7777);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    if (!readFileSync(path).equals(Buffer.from(before))) {
      throw changedMeanwhile(name);
    }
    renameSync(stage, path);
  } finally {
    rmSync(stage, { force: true });
  }
}
