import { stripVTControlCharacters } from "node:util";

/** Text from a host or a repository without anything that moves a terminal's cursor, hides text or turns its direction. */
export function printable(text: string, most = 500): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "?").slice(0, most);
}

/** The same for a text of several lines, whole: a message with its value, what a command printed. */
export function printableLines(text: string): string {
  return text
    .replaceAll("\t", " ")
    .split(/\r?\n/)
    .map((line) => printable(stripVTControlCharacters(line), Number.POSITIVE_INFINITY))
    .join("\n");
}
