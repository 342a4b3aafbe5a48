import type { Command } from "commander";

/** Every `npx unidesk …`, `npx cdktf …`, `npm …` of a text: what is between the command and the end of the line or the code. */
export function commandsOf(text: string): string[] {
  return [...text.matchAll(/\b(?:npx|npm) [^\n`"'&|;)]+/g)].map(([command]) => command.trim());
}

/** What is wrong with a command line of ours; undefined where the program takes it. */
export function wrongCommand(
  command: string,
  program: Command,
  scripts: Readonly<Record<string, string>>,
): string | undefined {
  const [runner, first = "", ...rest] = command.split(/\s+/);
  if (runner === "npm") {
    if (["ci", "start", "test"].includes(first)) return undefined;
    return first === "run" && (rest.find((word) => !word.startsWith("-")) ?? "") in scripts ? undefined : command;
  }
  if (first !== "unidesk") return command;
  let at = program;
  for (const word of rest) {
    if (word.startsWith("--")) {
      if (!at.options.some(({ long }) => long === word)) return `${command}: no option ${word}`;
    } else if (at.commands.length > 0) {
      const next = at.commands.find((candidate) => candidate.name() === word);
      if (!next) return `${command}: no command ${word}`;
      at = next;
    }
  }
  return at.commands.length > 0 ? `${command}: no command` : undefined;
}
