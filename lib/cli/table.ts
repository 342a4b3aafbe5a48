import { stripVTControlCharacters } from "node:util";
import Table from "cli-table3";

const lineParts = ["top", "bottom", "left", "right"].flatMap((side) => [side, `${side}-mid`]);
const corners = ["top-left", "top-right", "bottom-left", "bottom-right"];

/** How close the columns stand, and how narrow the last one may become. */
export interface TableLayout {
  /** @default 2 */
  readonly gap?: number;
  /** @default 20 */
  readonly narrowest?: number;
}

/** A table without lines in `width` columns; the last column wraps. */
export function renderTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  width: number,
  { gap = 2, narrowest = 20 }: TableLayout = {},
): string {
  const visible = (text: string) => stripVTControlCharacters(text).length;
  const widths = head.slice(0, -1).map((title, column) => {
    return Math.max(visible(title), ...rows.map((row) => visible(row[column] ?? ""))) + gap;
  });
  const rest = Math.max(narrowest, width - widths.reduce((sum, one) => sum + one, 0) - 1);
  const table = new Table({
    head: [...head],
    colWidths: [...widths, rest],
    wordWrap: true,
    style: { head: [], border: [], "padding-left": 0, "padding-right": gap },
    chars: Object.fromEntries([...lineParts, ...corners, "mid", "mid-mid", "middle"].map((part) => [part, ""])),
  });
  // The library cuts a word that is longer than its column; a path that is cut helps nobody. Colours are no width.
  const longWord = new RegExp(`\\S{${rest - gap}}(?=\\S)`, "g");
  const broken = (cell: string) => (cell === stripVTControlCharacters(cell) ? cell.replaceAll(longWord, "$&\n") : cell);
  table.push(...rows.map((row) => [...row.slice(0, -1), broken(row.at(-1) ?? "")]));
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}
