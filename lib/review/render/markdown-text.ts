import { plain } from "./text.ts";

/** Takes apart what a forge would make a mention, a reference or a link of. */
const gap = "\u200b";

/**
 * Text from elsewhere as inert text of GitHub's and Gitea's Markdown: what could be markup becomes a character
 * reference, which both read as text, inside HTML too. Mentions, references and links are made from the finished text,
 * where a reference is a plain character again; there an invisible space stands between.
 */
export function prose(text: string, most?: number): string {
  const apart = withoutLinks(plain(text, most)).replaceAll(/[#!](?=\d)|\b(GH|gh|[A-Z]{2,10})-(?=\d)/g, `$&${gap}`);
  return escaped(apart);
}

/**
 * A name, path or command as it is, to be copied: in a code span nothing is markup, a mention, a reference or a link. Its
 * fence is longer than every run of backticks inside. Not for a table, whose bars split code too.
 */
export function code(text: string, most?: number): string {
  const inside = plain(text, most) || " ";
  const fence = "`".repeat(1 + Math.max(0, ...(inside.match(/`+/g) ?? []).map(({ length }) => length)));
  const pad = /^`|`$/.test(inside) ? " " : "";
  return fence + pad + inside + pad + fence;
}

/** Lines as they are; a blank one would not end the element. */
export function block(lines: readonly string[]): string {
  return `<pre>${lines.map((line) => escaped(withoutLinks(line))).join("\n")}</pre>`;
}

const withoutLinks = (text: string) =>
  text.replaceAll(/@(?=\S)|:(?=\/\/)|\bwww(?=\.)|\b(mailto|xmpp)(?=:)/gi, `$&${gap}`);

const reference = (character: string) => `&#${character.codePointAt(0)};`;

function escaped(text: string): string {
  return text.replaceAll(/[&<>"'`*_~[\]|\\#$@]/g, reference).replace(/^[-+=:]|(?<=^\d{1,9})[.)](?=\s|$)/, reference);
}

/** Bytes or UTF-16 units, whichever are more: forges count one or the other. */
export function sizeOfText(text: string): number {
  return Math.max(text.length, Buffer.byteLength(text));
}
