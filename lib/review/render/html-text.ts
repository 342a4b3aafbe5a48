import { plain } from "./text.ts";

const references: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text from anywhere as text of an element or a quoted attribute. */
export function escapeHtml(text: string, most?: number): string {
  return plain(text, most).replaceAll(/[&<>"']/g, (character) => references[character] ?? character);
}

/** One element; attributes are escaped, the inside is HTML already. */
export function element(name: string, attributes: Readonly<Record<string, string | number>>, inside = ""): string {
  const pairs = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeHtml(String(value))}"`);
  return `<${name}${pairs.join("")}>${inside}</${name}>`;
}
