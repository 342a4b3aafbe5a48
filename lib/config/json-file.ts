import { readFileSync } from "node:fs";
import { parseDocument } from "yaml";
import type * as z from "zod";
import { exitCodes, messageOf, UserError } from "../errors.ts";

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
    throw new UserError(
      { what: `${name} is not JSON`, found: messageOf(error), allowed: "RFC 8259 JSON" },
      exitCodes.usage,
    );
  }
  refuseDuplicateKeys(text, name);
  return checkValue(value, name, schema);
}

export function checkValue<S extends z.ZodType>(value: unknown, name: string, schema: S): z.output<S> {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => {
    const path = issue.path.length > 0 ? `${issue.path.join(".")}: ` : "";
    return `${name}: ${path}${describe(issue, value)}`;
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

/** JSON.parse keeps the last of two equal keys without a word; a reviewer may have read the first. */
function refuseDuplicateKeys(text: string, name: string): void {
  const [error] = parseDocument(text, { uniqueKeys: true, strict: false }).errors.filter(
    (candidate) => candidate.code === "DUPLICATE_KEY",
  );
  if (!error) return;
  throw new UserError(
    {
      what: `${name} has the same key twice`,
      found: error.linePos ? `line ${error.linePos[0].line}` : error.message,
      allowed: "each key once in its object",
      remedy: "remove one of the two",
    },
    exitCodes.usage,
  );
}
