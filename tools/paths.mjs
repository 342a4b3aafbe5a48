// Where the project keeps things outside the work tree. Plain JavaScript, because the preparation
// script reads it before any npm package is installed.
import { homedir } from "node:os";
import { join } from "node:path";

/** Builds that cost minutes, one folder per version; safe to delete at any time. */
export const cacheDir = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "unidesk-cdktf");

/** The lab that cdktf.json describes. */
export const defaultLabName = "unidesk-lab";

/** Name of the lab instance: container names, labels and folders carry it. */
export const labName = process.env.UNIDESK_LAB || defaultLabName;

/** Keys, host keys and hosts.json of the lab instance. */
export const labDir = join(homedir(), ".unidesk-lab", labName);
