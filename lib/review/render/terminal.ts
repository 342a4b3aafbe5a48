import { createColors } from "picocolors";
import wrapAnsi from "wrap-ansi";
import { renderTable } from "../../cli/table.ts";
import { pinName } from "../../config/deploy-file.ts";
import type { Extent, Finding, ReviewReport, ServiceReview } from "../report.ts";
import { changeLines, diskText, everything, type Fact, factsOf, logOf, morePathsText, takenMark } from "./facts.ts";
import { actionSigns, extentLines, summaryOf } from "./summary.ts";
import { bytesText, commitText, counted, downtimeText, plain, plainLines, relationText } from "./text.ts";

export interface TerminalOptions {
  readonly width: number;
  readonly color: boolean;
}

type Colors = ReturnType<typeof createColors>;
type Paint = (text: string) => string;

const terminalLimits = { ...everything, commits: 10, paths: 8, items: 40 };

/** The report for a person at a terminal: what can hurt first, details after the table, the fingerprint last. */
export function renderTerminal(report: ReviewReport, { width, color }: TerminalOptions): string {
  return new TerminalReport(report, Math.max(40, width), createColors(color)).text();
}

class TerminalReport {
  private readonly lines: string[] = [];

  constructor(
    private readonly report: ReviewReport,
    private readonly width: number,
    private readonly paint: Colors,
  ) {}

  text(): string {
    const { report, paint } = this;
    const { headline, shown, refused, denied, warned, failed, other, still } = summaryOf(report);
    if (report.offline !== null) this.wrap(`OFFLINE: ${plain(report.offline)}`, "", paint.yellow);
    this.wrap(`${plain(report.target)}: ${plain(headline)}`, "", paint.bold);
    if (report.destroys.length > 0) {
      this.title("Deletes or replaces", paint.red);
      for (const text of report.destroys) this.wrap(`✕ ${plain(text)}`, "  ", paint.red);
    }
    if (denied.length > 0) {
      this.title("Denied by a policy", paint.red);
      for (const finding of denied) this.finding(finding, paint.red);
    }
    for (const { name, error } of failed) {
      this.title(`Stack ${plain(name)} cannot be planned`, paint.red);
      for (const line of plainLines(error ?? "no reason is known")) this.wrap(line, "  ");
    }
    if (shown.length > 0) this.table(shown);
    for (const service of shown) this.service(service);
    for (const { name, changes } of other) {
      this.title(`Stack ${plain(name)}, beside its services`);
      this.changes(changes);
    }
    if (refused.length > 0) {
      this.title("Shown and never applied");
      for (const service of refused) this.wrap(`${plain(pinName(service), 80)}: ${plain(service.reason)}`, "  ");
    }
    this.disks();
    this.extents("Touched", report.touched);
    this.extents("Touched once approved", report.waiting);
    this.extents("Not touched", report.untouched);
    if (still.length > 0) this.names("services", still.map(pinName));
    if (warned.length > 0) {
      this.title("Findings", paint.yellow);
      for (const finding of warned) this.finding(finding, paint.yellow);
    }
    if (report.warnings.length > 0) {
      this.title("Warnings", paint.yellow);
      for (const text of report.warnings) this.wrap(`! ${plain(text)}`, "  ");
    }
    this.lines.push("", `${paint.dim("fingerprint")} ${report.fingerprint.slice(0, 12)}`);
    return this.lines.join("\n");
  }

  private title(text: string, paint: Paint = (line) => line): void {
    this.lines.push("");
    this.wrap(text, "", (line) => this.paint.bold(paint(line)));
  }

  /** Wraps behind `indent`; the following lines stand two columns further in. */
  private wrap(text: string, indent: string, paint: Paint = (line) => line, hang = "  "): void {
    const room = Math.max(16, this.width - indent.length - hang.length);
    const [first = "", ...rest] = wrapAnsi(text, room, { hard: true, trim: true }).split("\n");
    this.lines.push(indent + paint(first), ...rest.map((line) => indent + hang + paint(line)));
  }

  private table(services: readonly ServiceReview[]): void {
    const head = ["service", "on", "commits", "", "bytes", "down", "action"].map((title) => this.paint.dim(title));
    const rows = services.map((service) => [
      plain(pinName(service), 24),
      plain(service.host, 11),
      commitsCell(service),
      service.commits.relation === "diverged" ? "⇄" : relationText(service.commits),
      bytesText(service.transfer.bytes),
      downtimeText(service),
      this.action(service),
    ]);
    this.lines.push("", renderTable(head, rows, this.width, { gap: 1, narrowest: 10 }));
  }

  private action({ action }: ServiceReview): string {
    const { sign, brief } = actionSigns[action];
    const { green, yellow, red, cyan } = this.paint;
    const paint = action === "refused" ? red : action === "repair" ? yellow : action === "deploy" ? green : cyan;
    return paint(`${sign} ${brief}`);
  }

  private service(service: ServiceReview): void {
    this.title(`${actionSigns[service.action].sign} ${plain(pinName(service), 80)}`, this.paint.cyan);
    const facts = factsOf(service, this.report.disks);
    const [why, ...rest] = facts;
    for (const fact of why ? [why] : []) this.fact(fact);
    const log = logOf(service, terminalLimits);
    for (const fact of rest) {
      this.fact(fact);
      if (fact.label !== "Commits") continue;
      for (const line of log.lines) {
        const mark = line.taken ? `${this.paint.red(takenMark)} ` : "";
        const by = this.paint.dim(`(${line.by})`);
        this.wrap(`${mark}${this.paint.yellow(line.commit)} ${line.subject} ${by}`, labelIndent);
        const paths = [...line.paths, morePathsText(line.morePaths)].filter(Boolean).join(", ");
        if (paths) this.wrap(paths, `${labelIndent}  `, this.paint.dim, "");
      }
      if (log.more > 0) this.wrap(`… ${counted(log.more, "more commit")}`, labelIndent);
    }
    this.changes(service.changes);
  }

  private fact({ label, text, tone }: Fact): void {
    const { red, yellow, cyan, dim } = this.paint;
    const paint = tone === "bad" ? red : tone === "warn" ? yellow : tone === "code" ? cyan : (line: string) => line;
    const from = this.lines.length;
    // A command that is broken into lines cannot be copied.
    if (tone === "code") this.lines.push(labelIndent + paint(text));
    else this.wrap(text, labelIndent, paint, "");
    const first = this.lines[from] ?? "";
    this.lines[from] = `  ${dim(label.padEnd(labelIndent.length - 2))}${first.slice(labelIndent.length)}`;
  }

  private changes(changes: ServiceReview["changes"]): void {
    const { lines, more } = changeLines(changes, terminalLimits);
    for (const { action, text, fields, moreFields, destroys } of lines) {
      this.wrap(`${action}: ${text}`, "  ", destroys ? this.paint.red : undefined);
      for (const field of fields) this.wrap(field, "    ", this.paint.dim);
      if (moreFields > 0) this.wrap(`… ${counted(moreFields, "more field")}`, "    ", this.paint.dim);
    }
    if (more > 0) this.wrap(`… ${counted(more, "more resource")}`, "  ");
  }

  private finding({ rule, subject, message, allow }: Finding, paint: Paint): void {
    this.wrap(`${paint(plain(rule, 60))} ${plain(subject, 80)}: ${plain(message)}`, "  ");
    this.wrap(`to allow: ${plain(allow)}`, "    ", this.paint.dim);
  }

  private disks(): void {
    if (this.report.disks.length === 0) return;
    this.title("Disks");
    for (const disk of this.report.disks) {
      const text = `${plain(disk.host, 60)}: ${diskText(disk)}`;
      this.wrap(text, "  ", disk.fits ? undefined : this.paint.red);
    }
  }

  private extents(title: string, extents: readonly Extent[]): void {
    const filled = extents.filter((extent) => extentLines(extent).length > 0);
    if (filled.length === 0) return;
    this.title(title);
    for (const extent of filled)
      for (const { kind, names } of extentLines(extent)) this.names(`${plain(extent.host, 60)} ${kind}s`, names);
  }

  private names(what: string, names: readonly string[]): void {
    const shown = names.slice(0, 200).map((name) => plain(name, 120));
    const more = names.length > shown.length ? `, … ${names.length - shown.length} more` : "";
    this.wrap(`${what} (${names.length}): ${shown.join(", ")}${more}`, "  ");
  }
}

const labelIndent = " ".repeat(16);

function commitsCell({ commits }: ServiceReview): string {
  const live = commits.relation === "first" && commits.live === null ? "" : commitText(commits.live);
  return `${live}→${commitText(commits.pinned)}`;
}
