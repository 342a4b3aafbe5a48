import { createHash } from "node:crypto";
import type { Connection } from "../config/hosts.ts";
import { UserError } from "../errors.ts";

/** First word of what a run with an observing key sends; the host's program knows no other. */
export const observingWord = "unidesk-observe";

/** Exit code of the host's program for what an observing key may not do. */
export const observingRefusal = 121;

/** Names a script to a host that has it: the host runs its own text and never what is sent. */
export function scriptId(script: string): string {
  return createHash("sha256").update(script).digest("hex");
}

/** What an observing key sends in place of a script; arguments as base64 of words that each end with a NUL. */
export function observingCommand(script: string, args: readonly string[]): string[] {
  const words = Buffer.from(args.map((arg) => `${arg}\0`).join("")).toString("base64");
  return [observingWord, scriptId(script), words || "-"];
}

/** Throws where a run that may only look is about to do more. */
export function requireMoreThanObserving(host: Connection, what: string): void {
  if (host.access !== "observe") return;
  throw new UserError({
    what: `${host.name}: an observing key cannot ${what}; nothing was changed`,
    found: "UNIDESK_ACCESS=observe",
    allowed: "npx unidesk review, history, deploy plan, pin show",
    remedy: "unset UNIDESK_ACCESS and use a key that may deploy",
  });
}
