import { pinName } from "../../config/deploy-file.ts";
import type { Extent, Finding, ReviewReport, ServiceReview, StackReview } from "../report.ts";
import {
  changeLines,
  diskText,
  type Fact,
  type FactLimits,
  factsOf,
  logOf,
  morePathsText,
  takenMark,
} from "./facts.ts";
import { block, code, prose } from "./markdown-text.ts";
import { actionSigns, extentLines, type Summary, summaryOf } from "./summary.ts";
import {
  bytesText,
  commitText,
  counted,
  downtimeText,
  plainLines,
  relationText,
  secondsText,
  shortened,
} from "./text.ts";

/** How much of the report is told; each is shorter than the one before. */
export interface MarkdownLevel {
  readonly commits: number;
  readonly paths: number;
  /** Resources, findings, warnings of one list. */
  readonly items: number;
  /** Services in the table, each with details unless there are none at all. */
  readonly rows: number;
  readonly details: boolean;
  /** Names of one list. */
  readonly names: number;
  /** Of one text. */
  readonly characters: number;
}

/** The parts of a comment, in order; no part is ever cut. */
export class MarkdownReport {
  private readonly summary: Summary;
  private readonly limits: FactLimits;

  constructor(
    private readonly report: ReviewReport,
    private readonly level: MarkdownLevel,
  ) {
    this.summary = summaryOf(report);
    this.limits = { commits: level.commits, paths: level.paths, items: level.items };
  }

  blocks(): string[] {
    const { report, summary, level } = this;
    const { shown, refused, denied, warned, failed, other } = summary;
    const rows = shown.slice(0, level.rows);
    return [
      ...(report.offline === null ? [] : [`> ⚠️ **Offline:** ${this.prose(report.offline)}`]),
      `### Review of ${code(report.target, 80)}: ${prose(summary.lead)}`,
      ...this.headline(),
      ...this.list("⛔ Deletes or replaces", report.destroys, (text) => code(text, level.characters)),
      ...this.list("⛔ Denied by a policy", denied, (finding) => this.finding(finding)),
      ...this.some(failed, "failed stack").map((stack) => (typeof stack === "string" ? stack : this.failed(stack))),
      ...(rows.length > 0 ? [table(rows)] : []),
      ...(shown.length > rows.length ? [`… and ${counted(shown.length - rows.length, "more service")}.`] : []),
      ...(level.details ? rows.map((service) => this.service(service)) : []),
      ...(level.details ? other.map((stack) => this.stack(stack)) : []),
      ...this.list("Shown and never applied", refused, (one) => prose(`${pinName(one)}: ${one.reason}`)),
      ...this.list("Disks", report.disks, (disk) => prose(`${disk.host}: ${diskText(disk)}`)),
      ...this.extents("Touched", report.touched),
      ...this.extents("Touched once approved", report.waiting),
      ...this.untouched(),
      ...this.list("⚠️ Findings", warned, (finding) => this.finding(finding)),
      ...this.list("⚠️ Warnings", report.warnings, (text) => this.prose(text)),
    ];
  }

  private headline(): string[] {
    const lines = [this.summary.cost, this.summary.notes].filter((parts) => parts.length > 0);
    return lines.length === 0 ? [] : [lines.map((parts) => parts.map((part) => prose(part)).join(" · ")).join("<br>")];
  }

  private prose(text: string): string {
    return prose(text, this.level.characters);
  }

  /** The first of many, then how many are left. */
  private some<T>(all: readonly T[], what: string): (T | string)[] {
    const { items } = this.level;
    const more = all.length - items;
    return more > 0 ? [...all.slice(0, items), `… and ${counted(more, `more ${what}`)}`] : [...all];
  }

  private list<T>(title: string, all: readonly T[], line: (one: T) => string): string[] {
    if (all.length === 0) return [];
    const lines = all.slice(0, this.level.items).map((one) => `- ${line(one)}`);
    const more = all.length - lines.length;
    return [`**${title}**`, [...lines, ...(more > 0 ? [`- … ${more} more`] : [])].join("\n")];
  }

  private finding({ rule, subject, message, allow }: Finding): string {
    const { characters } = this.level;
    return `${code(rule, 80)} ${code(subject, 80)}: ${prose(message, characters)}; to allow: ${prose(allow, characters)}`;
  }

  private failed({ name, error }: StackReview): string {
    const lines = plainLines(error ?? "no reason is known", 6).map((line) => shortened(line, this.level.characters));
    return `⛔ Stack ${code(name, 80)} cannot be planned\n\n${block(lines)}`;
  }

  private service(service: ServiceReview): string {
    const { sign, word } = actionSigns[service.action];
    const { commits, transfer } = service;
    const title = `${sign} <b>${prose(pinName(service), 80)}</b>: ${word}, ${relationText(commits)}, ${bytesText(transfer.bytes)}, down ${downtimeText(service)}`;
    const lines = factsOf(service, this.report.disks).flatMap((fact) => [
      this.fact(fact),
      ...(fact.label === "Commits" ? this.log(service) : []),
    ]);
    const changes = this.changes(service.changes).map((line) => `  ${line}`);
    const resources = `- **Terraform:** ${counted(service.changes.length, "resource")}`;
    return details(title, [...lines, ...(changes.length > 0 ? [resources, ...changes] : [])].join("\n"));
  }

  private fact({ label, text, tone }: Fact): string {
    const value = tone === "code" ? code(text, 300) : this.prose(text);
    const marked = tone === "bad" ? `⛔ **${value}**` : tone === "warn" ? `⚠️ ${value}` : value;
    return label === "" ? `  ${marked}` : `- **${label}:** ${marked}`;
  }

  private log(service: ServiceReview): string[] {
    const { lines, more } = logOf(service, this.limits);
    const { characters } = this.level;
    const texts = lines.map(({ commit, subject, by, paths, morePaths, taken }) => {
      const touched = [...paths.map((path) => code(path, characters)), morePathsText(morePaths)].filter(Boolean);
      const mark = taken ? `${takenMark} ` : "";
      return `  - ${mark}${code(commit)} ${prose(subject, characters)} (${prose(by)})${touched.length > 0 ? `: ${touched.join(", ")}` : ""}`;
    });
    return more > 0 ? [...texts, `  - … ${counted(more, "more commit")}`] : texts;
  }

  private changes(changes: ServiceReview["changes"]): string[] {
    const { lines, more } = changeLines(changes, this.limits);
    const texts = lines.flatMap(({ action, destroys, text, fields, moreFields }) => {
      const line = `- ${destroys ? `⛔ **${action}**` : action}: ${this.prose(text)}`;
      const values = fields.map((field) => code(field, this.level.characters));
      if (moreFields > 0) values.push(`… ${counted(moreFields, "more field")}`);
      // Most have one field, the commit: a line of its own would say nothing more.
      return values.length === 1 ? [`${line}: ${values[0]}`] : [line, ...values.map((value) => `  - ${value}`)];
    });
    return more > 0 ? [...texts, `- … ${counted(more, "more resource")}`] : texts;
  }

  private stack({ name, changes }: StackReview): string {
    const title = `Stack <b>${prose(name, 80)}</b>, beside its services: ${counted(changes.length, "resource")}`;
    return details(title, this.changes(changes).join("\n"));
  }

  private names(names: readonly string[]): string {
    const shown = names.slice(0, this.level.names).map((name) => code(name, 100));
    const more = names.length - shown.length;
    return [...shown, ...(more > 0 ? [`… ${more} more`] : [])].join(", ");
  }

  private extentTexts(extents: readonly Extent[]): string[] {
    const lines = extents.flatMap((extent) =>
      extentLines(extent).map(
        ({ kind, names }) => `- ${prose(extent.host, 60)}, ${counted(names.length, kind)}: ${this.names(names)}`,
      ),
    );
    return this.some(lines, "line").map((line) => (line.startsWith("-") ? line : `- ${line}`));
  }

  private extents(title: string, extents: readonly Extent[]): string[] {
    const lines = this.extentTexts(extents);
    return lines.length === 0 ? [] : [`**${title}**`, lines.join("\n")];
  }

  private untouched(): string[] {
    const { still } = this.summary;
    const services = still.length > 0 ? [`- services: ${this.names(still.map(pinName))}`] : [];
    const lines = [...services, ...this.extentTexts(this.report.untouched)];
    if (lines.length === 0) return [];
    const things = this.report.untouched.flatMap(extentLines).reduce((sum, { names }) => sum + names.length, 0);
    return [
      details(
        `Not touched: ${counted(still.length, "service")}, ${counted(things, "thing")} on the hosts`,
        lines.join("\n"),
      ),
    ];
  }
}

/** The blank lines make both forges read Markdown inside. */
function details(title: string, body: string): string {
  return `<details>\n<summary>${title}</summary>\n\n${body}\n\n</details>`;
}

function table(services: readonly ServiceReview[]): string {
  const head =
    "| service | what | on | live → pinned | over the wire | down | takes |\n|---|---|---|---|---:|---:|---:|";
  const rows = services.map((service) => {
    const { commits, transfer, time } = service;
    const { sign, word } = actionSigns[service.action];
    const live = commits.live === null && commits.relation === "first" ? "nothing" : commitText(commits.live);
    const cells = [
      `**${prose(pinName(service), 80)}**`,
      `${sign} ${word}`,
      prose(service.host, 60),
      `<code>${live}</code> → <code>${commitText(commits.pinned)}</code> ${relationText(commits)}`,
      bytesText(transfer.bytes),
      downtimeText(service),
      secondsText(time.seconds),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  return [head, ...rows].join("\n");
}
