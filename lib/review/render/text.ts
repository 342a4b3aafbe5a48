import { shortCommit } from "../../config/values.ts";
import { sizeOf } from "../../history/table.ts";
import type { ServiceReview } from "../report.ts";

export const unknown = "unknown";

/**
 * One line of plain text from somewhere else. Control characters would drive the reader's terminal, and invisible
 * ones (bidirectional marks) make a text look like another; joiners stay, because emoji are made with them.
 */
export function plain(text: string, most = 400): string {
  const line = text
    .replaceAll(/\p{Surrogate}/gu, "\ufffd")
    .replaceAll(/(?!\u200d)\p{Cf}/gu, "")
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ")
    .trim();
  return shortened(line, most);
}

/** The same for a text of several lines, such as Terraform's errors. */
export function plainLines(text: string, most = 12): string[] {
  const lines = text
    .split(/\r\n|[\r\n]/)
    .map((line) => plain(line))
    .filter((line) => line !== "");
  return lines.length > most ? [...lines.slice(0, most), `… ${counted(lines.length - most, "more line")}`] : lines;
}

/** Cut between characters, never inside one. */
export function shortened(text: string, most: number): string {
  const characters = text.length > most ? [...text] : [];
  return characters.length > most ? `${characters.slice(0, most - 1).join("")}…` : text;
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

export function bytesText(bytes: number | null): string {
  return bytes === null ? unknown : sizeOf(bytes);
}

/** The same inside a sentence. */
export function wireText(bytes: number | null): string {
  return bytes === null ? "unknown bytes" : sizeOf(bytes);
}

/** `0.4 s`, `12 s`, `2 min 5 s`. */
export function secondsText(seconds: number | null): string {
  if (seconds === null) return unknown;
  if (seconds > 0 && seconds < 9.95) return `${Number(seconds.toFixed(1))} s`;
  const whole = Math.round(seconds);
  if (whole < 120) return `${whole} s`;
  const rest = whole % 60;
  return `${Math.floor(whole / 60)} min${rest === 0 ? "" : ` ${rest} s`}`;
}

export function commitText(commit: string | null): string {
  return commit === null ? unknown : shortCommit(commit);
}

/** `sha256:1a2b3c4d5e6f`. */
export function digestText(digest: string | null): string {
  return digest === null ? unknown : digest.slice(0, "sha256:".length + 12);
}

export function yesNo(value: boolean | null): string {
  if (value === null) return unknown;
  return value ? "yes" : "no";
}

/** Commits and digests that stand in a longer text. */
export function shortHashes(text: string): string {
  return text.replaceAll(/\b[0-9a-f]{40}\b/g, shortCommit).replaceAll(/\bsha256:[0-9a-f]{64}\b/g, digestText);
}

/** How long nobody answers: nobody is down where nothing that runs is stopped. */
export function downtimeText({
  action,
  interrupts,
  time,
}: Pick<ServiceReview, "action" | "interrupts" | "time">): string {
  if (action === "unknown") return unknown;
  return interrupts ? secondsText(time.downtimeSeconds) : "none";
}

/** `↑2`, `↓1`, `⇄ ↑2 ↓1`, `=`, `new`. */
export function relationText({ relation, ahead, behind }: ServiceReview["commits"]): string {
  const up = `↑${ahead ?? "?"}`;
  const down = `↓${behind ?? "?"}`;
  return { same: "=", forward: up, backward: down, diverged: `⇄ ${up} ${down}`, first: "new", unknown }[relation];
}

/** The same in words, for whom arrows say nothing. */
export function relationWords({ relation, ahead, behind }: ServiceReview["commits"]): string {
  const up = ahead === null ? "an unknown number of commits" : counted(ahead, "commit");
  const down = behind === null ? "an unknown number of commits" : counted(behind, "commit");
  return {
    same: "the same commit",
    forward: `forward by ${up}`,
    backward: `BACKWARD by ${down}`,
    diverged: `DIVERGED: brings ${up} and takes ${down} away`,
    first: "nothing runs there yet",
    unknown: "relation unknown",
  }[relation];
}
