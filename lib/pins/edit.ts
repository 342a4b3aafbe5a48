import { findNodeAtLocation, type Node, parseTree } from "jsonc-parser";
import type { PinEntry } from "../config/deploy-file.ts";
import type { Environment } from "../config/values.ts";

/** What a pin is to be; what it does not have is taken out. */
export interface PinChange {
  readonly environment: Environment;
  readonly service: string;
  readonly entry: PinEntry;
}

/**
 * The text of a pins file with these pins in it. Only bytes of those pins change: white space, line ends and the
 * order of keys stay, and what is added is laid out as its neighbours are. The text is a valid pins file.
 */
export function editPins(text: string, changes: readonly PinChange[]): string {
  return changes.reduce(editPin, text);
}

function editPin(text: string, { environment, service, entry }: PinChange): string {
  const root = parseTree(text);
  const pins = root && findNodeAtLocation(root, ["environments", environment]);
  const pin = pins && findNodeAtLocation(pins, [service]);
  if (pin) return editEntry(text, pin, entry);
  const all = root && findNodeAtLocation(root, ["environments"]);
  if (!root || !all) throw new Error("the text is no pins file");
  const style = styleOf(text, root);
  const pinText = `{${style.pinOpen}${fields(entry).join(`,${style.pinGap}`)}${style.pinClose}}`;
  const added = `${JSON.stringify(service)}${style.colon}${pinText}`;
  if (pins) return append(text, pins, added, style.pinsOpen, style.pinsClose);
  const environmentText = `${JSON.stringify(environment)}${style.colon}{${style.pinsOpen}${added}${style.pinsClose}}`;
  return append(text, all, environmentText, style.allOpen, style.allClose);

  function fields(fieldsOf: PinEntry): string[] {
    return keys.flatMap((key) => {
      const value = fieldsOf[key];
      return value === undefined ? [] : [`${JSON.stringify(key)}${style.colon}${JSON.stringify(value)}`];
    });
  }
}

const keys = ["commit", "digest", "rollback"] as const satisfies readonly (keyof PinEntry)[];

/** One key after the other, each looked up anew: every edit moves what is behind it. */
function editEntry(text: string, pin: Node, entry: PinEntry): string {
  const { offset } = pin;
  let object = text.slice(offset, endOf(pin));
  for (const key of keys) object = editField(object, key, entry[key]);
  return text.slice(0, offset) + object + text.slice(endOf(pin));
}

function editField(object: string, key: string, value: string | undefined): string {
  const node = parseTree(object);
  const properties = node?.children ?? [];
  const at = properties.findIndex((property) => property.children?.[0]?.value === key);
  const found = properties[at];
  const valueNode = found?.children?.[1];
  if (value !== undefined && valueNode) {
    return valueNode.value === value
      ? object
      : splice(object, valueNode.offset, endOf(valueNode), JSON.stringify(value));
  }
  if (value !== undefined && node) {
    return append(
      object,
      node,
      `${JSON.stringify(key)}${colonOf(object, properties.at(-1))}${JSON.stringify(value)}`,
      "",
      "",
    );
  }
  if (!found) return object;
  const [before, after] = [properties[at - 1], properties[at + 1]];
  if (before) return splice(object, endOf(before), endOf(found), "");
  return splice(object, found.offset, after ? after.offset : endOf(found), "");
}

/** A property behind an object's last one, or in an empty object between `open` and `close`. */
function append(text: string, object: Node, property: string, open: string, close: string): string {
  const properties = object.children ?? [];
  const last = properties.at(-1);
  if (!last) return splice(text, object.offset, endOf(object), `{${open}${property}${close}}`);
  return splice(text, endOf(last), endOf(last), `,${gapOf(text, object)}${property}`);
}

/** White space before each property of an object that is not empty, behind the comma. */
function gapOf(text: string, object: Node): string {
  const [first, second] = object.children ?? [];
  if (!first) return "";
  if (second) return text.slice(text.indexOf(",", endOf(first)) + 1, second.offset);
  const lead = text.slice(object.offset + 1, first.offset);
  if (/[\r\n]/.test(lead)) return lead;
  return /\s/.test(colonOf(text, first)) ? " " : "";
}

/** The colon of a property and the white space around it. */
function colonOf(text: string, property: Node | undefined): string {
  const [key, value] = property?.children ?? [];
  return key && value ? text.slice(endOf(key), value.offset) : ": ";
}

/** White space around what is added where there is nothing beside it. */
interface Style {
  readonly colon: string;
  readonly allOpen: string;
  readonly allClose: string;
  readonly pinsOpen: string;
  readonly pinsClose: string;
  readonly pinOpen: string;
  readonly pinGap: string;
  readonly pinClose: string;
}

/** As the nearest pin is laid out; where there is none, by the indentation of the file's first line. */
function styleOf(text: string, root: Node): Style {
  const lead = text.slice(root.offset + 1, root.children?.[0]?.offset);
  const at = (depth: number) => (/[\r\n]/.test(lead) ? lead.replace(/[^\r\n]+$/, (unit) => unit.repeat(depth)) : lead);
  const all = findNodeAtLocation(root, ["environments"]);
  const colon = colonOf(text, root.children?.[0]);
  const byDepth = {
    allOpen: at(2),
    allClose: at(1),
    pinsOpen: at(3),
    pinsClose: at(2),
    pinOpen: at(4),
    pinClose: at(3),
  };
  const pins = (all?.children ?? [])
    .flatMap(({ children }) => children?.[1] ?? [])
    .filter(({ children }) => children?.length);
  const model = pins.at(-1)?.children?.at(-1)?.children?.[1];
  const parent = pins.at(-1);
  if (!model || !parent)
    return { ...byDepth, colon, pinGap: /[\r\n]/.test(lead) ? at(4) : /\s/.test(colon) ? " " : "" };
  return {
    ...byDepth,
    ...{ colon: colonOf(text, model.children?.at(-1)), pinGap: gapOf(text, model) },
    ...{ pinsOpen: openOf(text, parent), pinsClose: closeOf(text, parent) },
    ...{ pinOpen: openOf(text, model), pinClose: closeOf(text, model) },
  };
}

function openOf(text: string, object: Node): string {
  return text.slice(object.offset + 1, object.children?.[0]?.offset);
}

function closeOf(text: string, object: Node): string {
  const last = object.children?.at(-1);
  return last ? text.slice(endOf(last), endOf(object) - 1) : "";
}

function endOf({ offset, length }: Node): number {
  return offset + length;
}

function splice(text: string, from: number, to: number, replacement: string): string {
  return text.slice(0, from) + replacement + text.slice(to);
}
