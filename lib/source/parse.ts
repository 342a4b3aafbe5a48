import { Commit } from "../config/values.ts";
import { printable } from "../printable.ts";

/** One commit of a log; every text is printable. */
export interface LoggedCommit {
  readonly commit: Commit;
  /** Empty where the commit has no message. */
  readonly subject: string;
  readonly author: string;
  /** When it was committed: RFC 3339, UTC. */
  readonly date: string;
  /** Touched paths, of a merge against its first parent; both names of a renamed file. At most 20. */
  readonly paths: readonly string[];
  readonly morePaths: number;
  /** `from` has it and the asked commit has not. */
  readonly taken: boolean;
}

export interface RangeAnswer {
  /** Commits of `from` that the asked commit lacks, and the other way round. */
  readonly behind: number;
  readonly ahead: number;
  /** What is brought, then what is taken. */
  readonly log: readonly LoggedCommit[];
}

export interface CommitAnswer {
  readonly known: boolean;
  readonly pushed: boolean;
  /** Index of each release line that reaches it, with how many commits that line's head is ahead. */
  readonly lines: ReadonlyMap<number, number>;
  /** By the commit that was compared with. */
  readonly ranges: Map<string, RangeAnswer>;
}

export interface RepositoryAnswer {
  readonly state: "seen" | "missing" | "no-repository" | "failed";
  readonly shallow: boolean;
  readonly commits: Map<string, CommitAnswer>;
  /** Commits that git gave no answer about. */
  readonly failed: Set<string>;
}

export interface SourceAnswer {
  /** By index. */
  readonly repositories: ReadonlyMap<number, RepositoryAnswer>;
  /** False where the answer was cut by its bounds. */
  readonly complete: boolean;
}

interface OpenCommit {
  commit: string;
  seconds: number;
  author: string;
  subject: string;
  paths: string[];
  morePaths: number;
  taken: boolean;
}

/**
 * Reads what the script printed. Lines without the mark are paths: no text of a repository can look like anything
 * else. A range counts from its last line on, so that a cut one is not taken for a short one.
 */
export function parseSource(output: string, mark: string): SourceAnswer {
  const repositories = new Map<number, RepositoryAnswer>();
  let complete = false;
  let repository: RepositoryAnswer | undefined;
  let log: OpenCommit[] = [];
  let counts = { behind: 0, ahead: 0 };
  let taken = false;
  for (const line of output.split("\n")) {
    if (!line.startsWith(`${mark} `)) {
      if (line.startsWith("/")) log.at(-1)?.paths.push(printable(line.slice(1)));
      continue;
    }
    const text = line.slice(mark.length + 1);
    const [word = "", one = "", two = "", three = "", ...rest] = text.split(" ");
    if (word === "repository") {
      repository = { state: stateOf(two), shallow: three === "true", commits: new Map(), failed: new Set() };
      // A failure may follow what was seen; it replaces it.
      repositories.set(Number(one), repository);
    } else if (word === "commit") {
      if (repository?.commits.has(one)) continue;
      repository?.commits.set(one, {
        known: two === "known",
        pushed: three === "yes",
        lines: new Map(rest.map((pair) => pair.split(":").map(Number) as [number, number])),
        ranges: new Map(),
      });
    } else if (word === "range") {
      log = [];
      taken = false;
      counts = { behind: Number(three), ahead: Number(rest[0]) };
    } else if (word === "taken") {
      taken = true;
    } else if (word === "end") {
      repository?.commits.get(one)?.ranges.set(two, { ...counts, log: log.map(loggedCommit) });
    } else if (word === "C") {
      log.push({ commit: one, seconds: Number(two), author: "", subject: "", paths: [], morePaths: 0, taken });
    } else if (word === "A" || word === "S") {
      const open = log.at(-1);
      if (open) open[word === "A" ? "author" : "subject"] = printable(text.slice(2), 300);
    } else if (word === "M") {
      const open = log.at(-1);
      if (open) open.morePaths = Number(one);
    } else if (word === "failed") {
      repository?.failed.add(one);
    } else if (word === "done") {
      complete = true;
    }
  }
  return { repositories, complete };
}

function stateOf(word: string): RepositoryAnswer["state"] {
  return word === "seen" || word === "missing" || word === "no-repository" ? word : "failed";
}

function loggedCommit({ commit, seconds, ...rest }: OpenCommit): LoggedCommit {
  const time = new Date(Number.isSafeInteger(seconds) ? seconds * 1000 : Number.NaN);
  // A forged date may be any number.
  const date = Number.isNaN(time.getTime()) ? "1970-01-01T00:00:00Z" : time.toISOString().replace(".000Z", "Z");
  return { ...rest, commit: Commit.parse(commit), date };
}
