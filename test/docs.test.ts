import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createProgram } from "../lib/cli/main.ts";
import { planOnlyStack, registryStack } from "../lib/stack-names.ts";
import { pinStacks } from "../stacks/index.ts";
import { checkout } from "./lab-support.ts";

const documents = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].concat(
  readdirSync(join(checkout, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
);
const textOf = (document: string) => readFileSync(join(checkout, document), "utf8");
const scripts = (JSON.parse(textOf("package.json")) as { scripts: Record<string, string> }).scripts;

const stacks = [registryStack, planOnlyStack, ...pinStacks().map(({ id }) => id)];

/** Commands in code spans and code blocks. */
function commandsIn(text: string): string[] {
  const spans = [...text.matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span);
  const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = ""]) => block.split("\n"));
  return [...spans, ...blocks]
    .map((line) => line.replace(/ +#.*$/, "").trim())
    .filter((line) => /^(npm|npx) /.test(line));
}

function isKnown(command: string): boolean {
  const [runner, first = "", ...rest] = command.split(/\s+/);
  if (runner === "npm")
    return first === "run"
      ? ((rest[0] === "-s" ? rest[1] : rest[0]) ?? "") in scripts
      : first === "start" || first === "test";
  if (first === "cdktf") return rest[1] === undefined || rest.slice(1).every((stack) => stacks.includes(stack));
  if (first !== "unidesk") return false;
  return isCommand(rest);
}

/** `registry plan|render --json`: every alternative is a command, and it takes every option. */
function isCommand(words: readonly string[]): boolean {
  let commands = [createProgram(checkout)];
  for (const word of words) {
    if (word.startsWith("--")) {
      if (!commands.every(({ options }) => options.some(({ long }) => long === word))) return false;
    } else if (commands.some((command) => command.commands.length > 0)) {
      const next = word.split("|").map((name) => commands[0]?.commands.find((command) => command.name() === name));
      if (next.some((command) => command === undefined)) return false;
      commands = next.filter((command) => command !== undefined);
    }
  }
  return true;
}

test.each(documents)("every command of %s exists", (document) => {
  expect(commandsIn(textOf(document)).filter((command) => !isKnown(command))).toEqual([]);
});

test("a command that does not exist is found out", () => {
  for (const wrong of [
    "npm run nothing",
    "npx unidesk registry fix",
    "npx unidesk doctor --loud",
    "npx cdktf diff no-stack",
  ]) {
    expect(isKnown(wrong), wrong).toBe(false);
  }
});

test.each(documents)("every link of %s leads somewhere", (document) => {
  const links = [...textOf(document).matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, link = ""]) => link);
  for (const link of links) expect(() => readdirOrRead(join(checkout, document, "..", link)), link).not.toThrow();
});

function readdirOrRead(path: string): void {
  try {
    readFileSync(path);
  } catch {
    readdirSync(path);
  }
}
