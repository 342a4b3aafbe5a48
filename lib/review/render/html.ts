import type { ReviewReport } from "../report.ts";
import { diagram } from "./html-diagram.ts";
import { HtmlSections } from "./html-sections.ts";
import { style } from "./html-style.ts";
import { element, escapeHtml } from "./html-text.ts";
import { type Action, actionSigns, summaryOf } from "./summary.ts";

/** One page that needs nothing else: no script, no request, readable on a phone and in the dark. */
export function renderHtml(report: ReviewReport): string {
  const summary = summaryOf(report);
  const sections = new HtmlSections(report, summary);
  const body = [
    ...sections.offline(),
    `<h1>Review of ${escapeHtml(report.target, 80)}</h1>`,
    ...sections.headline(),
    ...sections.alerts(),
    sections.numbers(),
    ...(report.services.length > 0 ? [picture(report)] : []),
    ...sections.table(),
    ...sections.notices(),
    ...sections.services(),
    ...sections.stacks(),
    ...sections.refused(),
    ...sections.disks(),
    ...sections.extents(),
    `<footer>Fingerprint <code>${escapeHtml(report.fingerprint)}</code></footer>`,
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Review of ${escapeHtml(report.target, 80)}</title>
<style>${style}</style>
</head>
<body>
<main>
${body.join("\n")}
</main>
</body>
</html>
`;
}

/** Twice: the narrow one has the size of a phone, so that its text is not scaled down with it. */
function picture(report: ReviewReport): string {
  const used = (Object.keys(actionSigns) as Action[]).filter((action) =>
    report.services.some((service) => service.action === action),
  );
  const legend = used.map((action) => {
    const { sign, word } = actionSigns[action];
    return `<li class="tag is-${action}"><span aria-hidden="true">${sign}</span> ${word}</li>`;
  });
  return `<h2>Hosts and services</h2>
${element("div", { class: "card picture" }, diagram(report, 316, "narrow") + diagram(report, 1034, "wide"))}
<ul class="legend" aria-label="Legend">${legend.join("")}</ul>`;
}
