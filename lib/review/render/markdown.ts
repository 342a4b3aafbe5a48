import type { ReviewReport } from "../report.ts";
import { type MarkdownLevel, MarkdownReport } from "./markdown-report.ts";
import { sizeOfText } from "./markdown-text.ts";

/** GitHub refuses a comment of more than 65,536 characters. */
const most = 60_000;

/** First line of every review's comment: how a job finds the one to update. */
export const reviewMarker = "<!-- unidesk-review -->";

/** Last line: what the deploying job reads and compares. */
export function fingerprintMarker(fingerprint: string): string {
  return `<!-- unidesk-fingerprint: ${fingerprint} -->`;
}

const levels: readonly MarkdownLevel[] = [
  { commits: 20, paths: 20, items: 100, rows: 500, details: true, names: 500, characters: 300 },
  { commits: 10, paths: 20, items: 100, rows: 500, details: true, names: 500, characters: 300 },
  { commits: 5, paths: 20, items: 50, rows: 500, details: true, names: 200, characters: 300 },
  { commits: 5, paths: 5, items: 50, rows: 500, details: true, names: 200, characters: 200 },
  { commits: 3, paths: 1, items: 20, rows: 500, details: true, names: 100, characters: 200 },
  { commits: 1, paths: 0, items: 10, rows: 500, details: true, names: 50, characters: 120 },
  { commits: 0, paths: 0, items: 50, rows: 500, details: false, names: 100, characters: 200 },
  { commits: 0, paths: 0, items: 20, rows: 100, details: false, names: 20, characters: 120 },
  { commits: 0, paths: 0, items: 10, rows: 20, details: false, names: 5, characters: 60 },
  { commits: 0, paths: 0, items: 0, rows: 0, details: false, names: 0, characters: 40 },
];

/** One comment of a pull request: the whole report where it fits, else as much of it as does. */
export function renderMarkdown(report: ReviewReport): string {
  let text = "";
  for (const [index, level] of levels.entries()) {
    const note = index === 0 ? [] : [shortNote(level)];
    const body = new MarkdownReport(report, level).blocks();
    text = [reviewMarker, ...body, ...note, fingerprintMarker(report.fingerprint)].join("\n\n");
    if (sizeOfText(text) < most) break;
  }
  return text;
}

function shortNote({ commits, paths, items, rows, details }: MarkdownLevel): string {
  const kept = details
    ? `at most ${commits} commits a service, ${paths} paths a commit and ${items} entries a list are shown`
    : `the services' details are left out, and of every list what exceeds ${rows} services or ${items} entries`;
  return `_Shortened to fit one comment: ${kept}. <code>npx unidesk review --json</code> has everything._`;
}
