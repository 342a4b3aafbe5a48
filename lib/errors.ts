import { printableLines } from "./printable.ts";

/** What a person needs in order to act on a failure. Every part is plain text without secrets. */
export interface Problem {
  /** What is wrong, in one sentence, naming the file, host or service. */
  readonly what: string;
  /** The offending value as found. */
  readonly found?: string;
  /** What is allowed instead. */
  readonly allowed?: string;
  /** What to do now; a command where there is one. */
  readonly remedy?: string;
}

/** Exit codes of every command; a contract. */
export const exitCodes = { ok: 0, no: 1, usage: 2, infraBlocked: 3 } as const;

/** An error that is shown to people as it is, without a stack. */
export class UserError extends Error {
  readonly problem: Problem;
  readonly exitCode: number;

  constructor(problem: Problem, exitCode: number = exitCodes.no) {
    super(renderProblem(problem));
    this.name = "UserError";
    this.problem = problem;
    this.exitCode = exitCode;
  }
}

/** A host, or a channel to it, that is missing. Nothing was decided about what runs there. */
export class InfraBlockedError extends UserError {
  readonly missingChannels: readonly string[];

  constructor(problem: Problem, missingChannels: readonly string[]) {
    super(problem, exitCodes.infraBlocked);
    this.name = "InfraBlockedError";
    this.missingChannels = missingChannels;
  }
}

/** As it is shown; values from files and hosts are among it. */
export function renderProblem(problem: Problem): string {
  const lines = [problem.what];
  if (problem.found !== undefined) lines.push(`  found:   ${problem.found}`);
  if (problem.allowed !== undefined) lines.push(`  allowed: ${problem.allowed}`);
  if (problem.remedy !== undefined) lines.push(`  remedy:  ${problem.remedy}`);
  return printableLines(lines.join("\n"));
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
