import { randomBytes } from "node:crypto";
import type { Site } from "../config/site.ts";
import type { Commit } from "../config/values.ts";
import { InfraBlockedError, UserError } from "../errors.ts";
import { mustRun } from "../ssh/script.ts";
import {
  type CommitAnswer,
  type LoggedCommit,
  parseSource,
  type RepositoryAnswer,
  type SourceAnswer,
} from "./parse.ts";
import { bounds, type SourcePlaces, sourceScript } from "./script.ts";

export type { LoggedCommit } from "./parse.ts";

export interface CommitQuestion {
  /** `sourceRepo` of CI.json. */
  readonly repository: string;
  readonly commit: Commit;
  /** Live or previous commit to compare with. @default - nothing is compared */
  readonly from?: Commit | undefined;
}

export interface CommitFacts {
  /** "unknown": the repository has no such commit, or cannot be seen (`unseen`, and a warning says why). */
  readonly state: "known" | "unknown";
  /** The repository could not be asked, so nothing about the commit is known either way. */
  readonly unseen?: true;
  /** Any branch or tag reaches it. */
  readonly pushed: boolean;
  /** Allowed release lines that reach it, in the order of the configuration. */
  readonly releaseLines: readonly string[];
  /** How many commits of the first of those lines it lacks; undefined where no line reaches it. */
  readonly behindReleaseLine?: number | undefined;
  /** Of `from` to `commit`; undefined without `from`, or where `from` is not in the repository. */
  readonly relation?: "same" | "forward" | "backward" | "diverged" | undefined;
  /** Commits that `commit` has beyond `from`, and the other way round. */
  readonly ahead: number;
  readonly behind: number;
  /** What `commit` brings, then what it takes away, each newest first and at most 50. */
  readonly log: readonly LoggedCommit[];
  readonly moreCommits: number;
}

export interface SourceFacts {
  /** By `questionKey`. */
  readonly commits: ReadonlyMap<string, CommitFacts>;
  readonly warnings: readonly string[];
  readonly missingChannels: readonly string[];
}

export function questionKey({ repository, commit, from }: CommitQuestion): string {
  return `${repository} ${commit} ${from ?? "-"}`;
}

/** What the repositories on d601 say, in one command. What cannot be seen is "unknown", with a warning; it never throws for that. */
export async function readSource(site: Site, questions: readonly CommitQuestion[]): Promise<SourceFacts> {
  const distinct = [...new Map(questions.map((question) => [questionKey(question), question])).values()];
  const placed = distinct.filter(({ repository }) => site.hosts.d601.git[repository] !== undefined);
  const asked = placed.slice(0, bounds.questions);
  const repositories = [...new Set(asked.map(({ repository }) => repository))];
  const look = asked.length === 0 ? nothing : await ask(site, asked);
  const answerOf = (repository: string) => look.answer.repositories.get(indexOf(site, repository));
  const commits = new Map(
    distinct.map((question): [string, CommitFacts] => [
      questionKey(question),
      factsOf(question, asked.includes(question) ? answerOf(question.repository) : undefined, site.releaseLines),
    ]),
  );
  const unplaced = new Set(distinct.filter((question) => !placed.includes(question)).map((one) => one.repository));
  return {
    commits,
    missingChannels: look.missingChannels,
    warnings: [
      ...[...unplaced].map(
        (url) => `cdktf.json: context.hosts.d601.git has no path for ${url}; its commits are unknown`,
      ),
      ...(placed.length > asked.length
        ? [
            `d601: ${placed.length - asked.length} question(s) about commits were left out: more than ${bounds.questions}`,
          ]
        : []),
      ...look.warnings,
      ...repositories.flatMap((url) => warningsOf(site, url, answerOf(url))),
    ],
  };
}

interface Look {
  readonly answer: SourceAnswer;
  readonly warnings: readonly string[];
  readonly missingChannels: readonly string[];
}
const nothing: Look = { answer: { repositories: new Map(), complete: true }, warnings: [], missingChannels: [] };

/** The repositories that this site's script knows, in its order. */
export function sourcePlaces({ hosts, releaseLines }: Pick<Site, "hosts" | "releaseLines">): SourcePlaces {
  return { releaseLines, repositories: Object.values(hosts.d601.git) };
}

function indexOf({ hosts }: Site, repository: string): number {
  return Object.keys(hosts.d601.git).indexOf(repository);
}

async function ask(site: Site, asked: readonly CommitQuestion[]): Promise<Look> {
  const host = site.connections.d601;
  // A mark that no text of a repository can know.
  const mark = randomBytes(12).toString("hex");
  // Together what is of one commit, so that its own facts are found once.
  const lines = [...asked]
    .sort((one, other) => (one.commit < other.commit ? -1 : one.commit > other.commit ? 1 : 0))
    .map(({ repository, commit, from }) => `${indexOf(site, repository)} ${commit} ${from ?? "-"}\n`);
  try {
    const output = await mustRun(host, "ask the source repositories", sourceScript(sourcePlaces(site)), [mark], {
      input: lines.join(""),
      timeoutSeconds: 70,
    });
    const answer = parseSource(output, mark);
    const cut = `d601: the answer about commits was cut after ${bounds.seconds} s or ${bounds.bytes} bytes; some are unknown`;
    return { answer, warnings: answer.complete ? [] : [cut], missingChannels: [] };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const blocked = error instanceof InfraBlockedError;
    return {
      ...nothing,
      warnings: [`${blocked ? "infra-blocked: " : ""}${error.message}`],
      missingChannels: blocked ? error.missingChannels : [],
    };
  }
}

const unknown = {
  state: "unknown",
  pushed: false,
  releaseLines: [],
  ahead: 0,
  behind: 0,
  log: [],
  moreCommits: 0,
} as const;

function factsOf(
  { commit, from }: CommitQuestion,
  repository: RepositoryAnswer | undefined,
  releaseLines: readonly string[],
): CommitFacts {
  const answer = repository?.failed.has(commit) ? undefined : repository?.commits.get(commit);
  if (!answer) return { ...unknown, unseen: true };
  if (!answer.known) return unknown;
  const [first] = answer.lines;
  return {
    ...unknown,
    state: "known",
    pushed: answer.pushed,
    releaseLines: [...answer.lines.keys()].flatMap((index) => releaseLines[index] ?? []),
    behindReleaseLine: first?.[1],
    ...(from === undefined ? {} : comparison(answer, from)),
  };
}

function comparison({ ranges }: CommitAnswer, from: Commit): Partial<CommitFacts> {
  const range = ranges.get(from);
  if (!range) return {};
  const { ahead, behind, log } = range;
  const relation = ahead > 0 ? (behind > 0 ? "diverged" : "forward") : behind > 0 ? "backward" : "same";
  return { relation, ahead, behind, log, moreCommits: ahead + behind - log.length };
}

function warningsOf(site: Site, url: string, repository: RepositoryAnswer | undefined): string[] {
  const where = `d601: ${site.hosts.d601.git[url]} (${url})`;
  switch (repository?.state) {
    case undefined:
      return [];
    case "missing":
      return [`${where} is not there; its commits are unknown`];
    case "no-repository":
      return [`${where} is no Git repository that this user can read; its commits are unknown`];
    case "failed":
      return [`${where}: git failed; its commits are unknown`];
    case "seen":
      return [
        ...(repository.shallow ? [`${where} is a shallow clone: what it says about older commits may be wrong`] : []),
        ...[...repository.failed].map((commit) => `${where}: git gave no answer about ${commit}`),
      ];
  }
}
