import { readFileSync } from "node:fs";
import { type ParseError, type ParseErrorCode, parse, printParseErrorCode, visit } from "jsonc-parser";
import type * as z from "zod";
import { exitCodes, messageOf, UserError } from "../errors.ts";
import { printable } from "../printable.ts";

/** Reads and checks one JSON file; every problem in it is reported at once, each with its path and value. */
export function readJsonFile<S extends z.ZodType>(file: string, name: string, schema: S): z.output<S> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new UserError(
      { what: `${name} cannot be read`, found: messageOf(error), remedy: `restore ${name} from Git` },
      exitCodes.usage,
    );
  }
  return parseJson(text, name, schema);
}

/** The same for text that is already here. `name` is what messages call it. */
export function parseJson<S extends z.ZodType>(text: string, name: string, schema: S): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw notJson(text, name, messageOf(error));
  }
  refuseTwisted(text, name);
  return checkValue(value, name, schema);
}

function notJson(text: string, name: string, message: string): UserError {
  if (text.startsWith("\ufeff")) {
    return new UserError(
      {
        what: `${name} is not JSON: it begins with a byte order mark`,
        found: "U+FEFF before the first character",
        allowed: "RFC 8259 JSON: UTF-8 without a byte order mark",
        remedy: "save it as UTF-8 without a byte order mark",
      },
      exitCodes.usage,
    );
  }
  const errors: ParseError[] = [];
  parse(text, errors, { disallowComments: true, allowTrailingComma: false });
  const [first] = errors;
  return new UserError(
    {
      what: `${name} is not JSON`,
      found: first ? `${placeOf(text, first.offset)}: ${wordsOf(first.error)}` : printable(message),
      allowed: "RFC 8259 JSON",
      remedy:
        text.trim() === ""
          ? "the file is empty: restore it"
          : "correct it there: JSON has no comments and no trailing commas",
    },
    exitCodes.usage,
  );
}

function placeOf(text: string, offset: number): string {
  const lines = text.slice(0, offset).split(/\r\n|\r|\n/);
  return `line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}`;
}

/** `PropertyNameExpected` as words. */
function wordsOf(code: ParseErrorCode): string {
  return printParseErrorCode(code)
    .replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter}`)
    .toLowerCase();
}

export function checkValue<S extends z.ZodType>(value: unknown, name: string, schema: S): z.output<S> {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => {
    const path = issue.path.length > 0 ? `${issue.path.join(".")}: ` : "";
    // Keys and values are whoever's who wrote the file: none of them begins a line of its own.
    return `${name}: ${printable(`${path}${describe(issue, value)}`, Number.POSITIVE_INFINITY)}`;
  });
  throw new UserError({ what: lines.join("\n") }, exitCodes.usage);
}

function describe(issue: z.core.$ZodIssue, root: unknown): string {
  if (issue.code === "unrecognized_keys") return `unknown ${issue.keys.map((key) => `"${key}"`).join(", ")}`;
  if (issue.code === "invalid_key") return issue.issues.map(({ message }) => message).join("; ");
  const found = valueAt(root, issue.path);
  return found === undefined ? `is missing; ${issue.message}` : `found ${preview(found)}; ${issue.message}`;
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value: unknown = root;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | undefined)?.[key];
  return value;
}

function preview(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 100 ? `${text.slice(0, 97)}...` : text;
}

/** Deeper than any file of ours, and shallow enough for whatever walks the value. */
const deepest = 100;

/**
 * JSON.parse keeps the last of two equal keys without a word; a reviewer may have read the first. And `__proto__` is a
 * key that a copy of the object loses.
 */
function refuseTwisted(text: string, name: string): void {
  const open: Set<string>[] = [];
  const begin = (_offset: number, _length: number, line: number) => {
    if (open.push(new Set()) > deepest)
      throw twisted(name, "is nested too deep", line, `${deepest} levels`, "flatten it");
  };
  const end = () => {
    open.pop();
  };
  visit(text, {
    onObjectBegin: begin,
    onArrayBegin: begin,
    onObjectEnd: end,
    onArrayEnd: end,
    onObjectProperty: (key, _offset, _length, line) => {
      const keys = open.at(-1);
      if (key === "__proto__") throw twisted(name, `has the key "${key}"`, line, "any other key", "remove it");
      if (keys?.has(key)) {
        throw twisted(name, "has the same key twice", line, "each key once in its object", "remove one of the two");
      }
      keys?.add(key);
    },
  });
}

function twisted(name: string, what: string, line: number, allowed: string, remedy: string): UserError {
  return new UserError({ what: `${name} ${what}`, found: `line ${line + 1}`, allowed, remedy }, exitCodes.usage);
}
