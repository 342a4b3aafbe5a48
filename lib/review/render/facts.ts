import { type DiskReview, destroys, type ResourceChange, type ServiceReview } from "../report.ts";
import {
  bytesText,
  commitText,
  counted,
  digestText,
  downtimeText,
  plain,
  relationWords,
  secondsText,
  shortHashes,
  unknown,
  wireText,
  yesNo,
} from "./text.ts";

/** One statement of a service's details. `code` is a command or a name as it is; the text is not escaped yet. */
export interface Fact {
  readonly label: string;
  readonly text: string;
  readonly tone?: "bad" | "warn" | "code";
}

export interface FactLimits {
  readonly commits: number;
  readonly paths: number;
  /** Of resources, keys and names. */
  readonly items: number;
}

export const everything: FactLimits = { commits: 1000, paths: 1000, items: 1000 };

/** What a reviewer reads about one service, in this order; the log and the resources have their own functions. */
export function factsOf(service: ServiceReview, disks: readonly DiskReview[]): Fact[] {
  const { commits, digest, approval, gates, storage, hidden, excludedTargets } = service;
  const facts: Fact[] = [
    { label: "Why", text: plain(service.reason) },
    ...service.blockers.map((text): Fact => ({ label: "Blocked", text: plain(text), tone: "bad" })),
    { label: "Where", text: `${plain(service.host, 60)}, ${service.runtime}: ${list(service.targets)}` },
    {
      label: "Commits",
      text: `${liveText(service)} → ${commitText(commits.pinned)}, ${relationWords(commits)}`,
      ...(commits.relation === "backward" || commits.relation === "diverged" ? { tone: "warn" } : {}),
    },
    { label: "Release line", text: releaseText(commits.releaseLines) },
  ];
  if (commits.note !== null) facts.push({ label: "Note", text: plain(commits.note) });
  facts.push(
    { label: "Digest", text: digestChange(service), ...(isMoved(digest) ? { tone: "bad" as const } : {}) },
    { label: "Transfer", text: transferText(service) },
    { label: "Disk", ...diskFact(service, disks) },
    { label: "Time", text: timeText(service) },
  );
  for (const text of hidden) facts.push({ label: "Also pulls in", text: plain(text), tone: "warn" });
  if (service.secrets.length > 0) facts.push(secretsFact(service));
  if (gates.length > 0) facts.push({ label: "Gates", text: list(gates) });
  facts.push({ label: "Storage", text: storage === null ? unknown : list(storage) });
  facts.push(...approvalFacts(approval));
  if (excludedTargets.length > 0) facts.push({ label: "Never touched", text: list(excludedTargets) });
  facts.push(...rollbackFacts(service));
  return facts;
}

const list = (texts: readonly string[]) => texts.map((text) => plain(text, 120)).join(", ") || "none";

function liveText({ commits }: ServiceReview): string {
  return commits.live === null && commits.relation === "first" ? "nothing" : commitText(commits.live);
}

function releaseText(lines: readonly string[] | null): string {
  if (lines === null) return unknown;
  return lines.length === 0 ? "on no allowed release line" : list(lines);
}

/** The commit's tag names something else than the pin: the reviewed image is not the one that would be pulled. */
const isMoved = ({ pinned, registry }: ServiceReview["digest"]) =>
  pinned !== null && registry !== null && pinned !== registry;

function digestChange({ digest, commits }: ServiceReview): string {
  const first = commits.relation === "first";
  const target = digest.pinned ?? digest.registry;
  const live = digest.live === null && first ? "nothing" : digestText(digest.live);
  const change = digest.live === target && target !== null ? digestText(target) : `${live} → ${digestText(target)}`;
  if (isMoved(digest)) return `${change}, but the registry has ${digestText(digest.registry)}`;
  const pinned = digest.pinned === null ? "not pinned" : "pinned";
  return `${change} (${pinned}; ${digest.registry === null ? "registry unknown" : "in the registry"})`;
}

function transferText({ transfer }: ServiceReview): string {
  const { missingLayers, layers: all } = transfer;
  const layers = missingLayers === null || all === null ? "layers unknown" : `${missingLayers} of ${all} layers`;
  const approximately = transfer.bytes === null || transfer.exact ? "" : "about ";
  const disk = transfer.diskBytes ? `; about ${bytesText(transfer.diskBytes)} more on disk` : "";
  return `${approximately}${bytesText(transfer.bytes)}, ${layers}${disk}`;
}

/** Of the host whose file system has least room left; two stores on one are one entry. */
function diskFact({ host }: ServiceReview, disks: readonly DiskReview[]): Omit<Fact, "label"> {
  const here = disks.filter((one) => one.host === host);
  const [tightest] = [...here].sort((one, other) => roomAfter(one) - roomAfter(other));
  if (!tightest) return { text: unknown };
  return { text: diskText(tightest), ...(tightest.fits ? {} : { tone: "bad" }) };
}

const roomAfter = ({ freeBytes, neededBytes }: DiskReview) => freeBytes - neededBytes;

export function diskText({ fits, neededBytes, freeBytes, path }: DiskReview): string {
  const verdict = fits ? "fits" : "DOES NOT FIT";
  return `${verdict}: ${wireText(neededBytes)} needed by all that comes to ${plain(path, 120)}, ${bytesText(freeBytes)} free`;
}

function timeText(service: ServiceReview): string {
  const { seconds, samples } = service.time;
  const recorded =
    samples === 0 ? "no deployment of it is recorded" : `${counted(samples ?? 0, "deployment")} recorded`;
  const source = samples === null ? "history unread" : seconds === null ? recorded : `median of ${samples}`;
  return `${secondsText(seconds)}, down ${downtimeText(service)} (${source})`;
}

function secretsFact({ secrets }: ServiceReview): Fact {
  const word = { true: "present", false: "MISSING", null: unknown };
  const bad = secrets.some(({ present }) => present === false);
  return {
    label: "Secrets",
    text: secrets.map(({ key, present }) => `${plain(key, 120)} ${word[`${present}`]}`).join(", "),
    ...(bad ? { tone: "bad" } : {}),
  };
}

function approvalFacts({ state, detail, command }: ServiceReview["approval"]): Fact[] {
  if (state === "not-needed") return [];
  const text = detail === null ? state : `${state}: ${plain(detail)}`;
  const fact: Fact = { label: "Approval", text, ...(state === "missing" ? { tone: "bad" } : {}) };
  return command === null ? [fact] : [fact, { label: "To approve", text: plain(command), tone: "code" }];
}

function rollbackFacts({ rollback }: ServiceReview): Fact[] {
  const to = rollback.commit === null ? "nothing to go back to is known" : `to ${commitText(rollback.commit)}`;
  const images = `image on the target ${yesNo(rollback.imageOnTarget)}, in the registry ${yesNo(rollback.imageInRegistry)}`;
  return [
    { label: "Rollback", text: plain(rollback.command), tone: "code" },
    { label: "", text: `${to}; ${images}` },
  ];
}

export interface LogLine {
  readonly commit: string;
  readonly subject: string;
  readonly by: string;
  /** `src/a.ts, src/b.ts, 3 more`. */
  readonly paths: readonly string[];
  readonly morePaths: number;
  /** It runs now and would no more. */
  readonly taken: boolean;
}

/** Before a commit that is taken away. */
export const takenMark = "− taken away:";

/** The commits of the change and how many of them are not shown. */
export function logOf({ commits }: ServiceReview, limits: FactLimits): { lines: LogLine[]; more: number } {
  const [brought, taken] = [commits.log.filter((one) => !one.taken), commits.log.filter((one) => one.taken)];
  // Where not all fit, what is taken away has half of the room at least.
  const lost = taken.slice(0, Math.max(limits.commits - brought.length, Math.ceil(limits.commits / 2)));
  const shown = [...brought.slice(0, limits.commits - lost.length), ...lost];
  const lines = shown.map((entry) => {
    const paths = entry.paths.slice(0, limits.paths);
    return {
      commit: commitText(entry.commit),
      subject: plain(entry.subject, 200),
      by: `${plain(entry.author, 60)}, ${plain(entry.date, 40).slice(0, 10)}`,
      paths: paths.map((path) => plain(path, 160)),
      morePaths: entry.morePaths + entry.paths.length - paths.length,
      taken: entry.taken,
    };
  });
  return { lines, more: commits.moreCommits + commits.log.length - lines.length };
}

export interface ChangeLine {
  readonly action: string;
  readonly destroys: boolean;
  readonly text: string;
  readonly fields: readonly string[];
  readonly moreFields: number;
}

export function changeLines(
  changes: readonly ResourceChange[],
  limits: FactLimits,
): { lines: ChangeLine[]; more: number } {
  const lines = changes.slice(0, limits.items).map(({ action, address, meaning, fields }) => ({
    action,
    destroys: destroys({ action, address }),
    text: `${plain(meaning)} (${plain(address, 200)})`,
    fields: fields.slice(0, limits.paths).map(fieldText),
    moreFields: Math.max(0, fields.length - limits.paths),
  }));
  return { lines, more: changes.length - lines.length };
}

function fieldText({ path, before, after }: ResourceChange["fields"][number]): string {
  const short = [before, after].map((text) => (text === null ? "nothing" : shortHashes(plain(text, 200)) || '""'));
  const long = [before, after].map((text) => (text === null ? "nothing" : plain(text, 200)));
  const [from, to] = short[0] === short[1] ? long : short;
  return `${plain(path, 160)}: ${from} → ${to}`;
}

export function morePathsText(more: number): string {
  return more === 0 ? "" : counted(more, "more path");
}
