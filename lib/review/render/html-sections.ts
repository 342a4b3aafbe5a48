import { pinName } from "../../config/deploy-file.ts";
import type { Extent, Finding, ReviewReport, ServiceReview } from "../report.ts";
import { changeLines, diskText, everything, type Fact, factsOf, logOf, morePathsText, takenMark } from "./facts.ts";
import { escapeHtml } from "./html-text.ts";
import { actionSigns, extentLines, type Summary } from "./summary.ts";
import {
  bytesText,
  commitText,
  counted,
  downtimeText,
  plainLines,
  relationText,
  relationWords,
  secondsText,
} from "./text.ts";

/** The page's parts; each is a list, because most of them may be missing. */
export class HtmlSections {
  constructor(
    private readonly report: ReviewReport,
    private readonly summary: Summary,
  ) {}

  offline(): string[] {
    const { offline } = this.report;
    return offline === null ? [] : [alert("warn", "⚠ Offline", [escapeHtml(offline)])];
  }

  headline(): string[] {
    const { lead, notes } = this.summary;
    const start = lead.charAt(0).toUpperCase() + lead.slice(1);
    return [
      `<p class="headline">${escapeHtml(start)}</p>`,
      ...(notes.length > 0 ? [`<p class="notes">${escapeHtml(notes.join(" · "))}</p>`] : []),
    ];
  }

  /** What cannot be undone or is not allowed; a reader sees it before anything else. */
  alerts(): string[] {
    const { denied, failed } = this.summary;
    const { destroys } = this.report;
    const codes = (texts: readonly string[]) => texts.map((text) => `<code>${escapeHtml(text)}</code>`);
    return [
      ...(destroys.length > 0 ? [alert("bad", "✕ Deletes or replaces", codes(destroys))] : []),
      ...(denied.length > 0 ? [alert("bad", "✕ Denied by a policy", denied.map(findingText))] : []),
      ...failed.map(({ name, error }) => {
        const lines = plainLines(error ?? "no reason is known").map((line) => escapeHtml(line));
        return `<section class="alert bad"><h2>✕ Stack ${escapeHtml(name)} cannot be planned</h2><pre>${lines.join("\n")}</pre></section>`;
      }),
    ];
  }

  notices(): string[] {
    const { warned } = this.summary;
    const { warnings } = this.report;
    return [
      ...(warned.length > 0 ? [alert("warn", "⚠ Findings", warned.map(findingText))] : []),
      ...(warnings.length > 0
        ? [
            alert(
              "warn",
              "⚠ Warnings",
              warnings.map((text) => escapeHtml(text)),
            ),
          ]
        : []),
    ];
  }

  numbers(): string {
    const { totals } = this.report;
    const { changing, waiting, still } = this.summary;
    const interrupted = changing.some((service) => service.interrupts && !waiting.includes(service));
    const pairs = [
      ["Changing", String(changing.length)],
      ["Over the wire", bytesText(totals.bytes)],
      ["Time", secondsText(totals.seconds)],
      ["Longest down", interrupted ? secondsText(totals.downtimeSeconds) : "none"],
      ["Not touched", String(still.length)],
    ];
    const items = pairs.map(([name, value]) => `<div class="card"><dt>${name}</dt><dd>${value}</dd></div>`);
    return `<dl class="numbers">${items.join("")}</dl>`;
  }

  /** The roles keep it a table for screen readers where a phone's layout makes blocks of it. */
  table(): string[] {
    const { shown } = this.summary;
    if (shown.length === 0) return [];
    const head = ["Service", "What", "On", "Commits", "Over the wire", "Down", "Takes"];
    const columns = head.map(
      (title, index) => `<th scope="col" role="columnheader"${index > 3 ? ' class="number"' : ""}>${title}</th>`,
    );
    const rows = shown.map((service) => {
      const { transfer, time } = service;
      const cells = [
        tag(service),
        escapeHtml(service.host, 60),
        commitsHtml(service),
        bytesText(transfer.bytes),
        downtimeText(service),
        secondsText(time.seconds),
      ].map(
        (cell, index) =>
          `<td role="cell" data-label="${head[index + 1]}"${index > 2 ? ' class="number"' : ""}><span>${cell}</span></td>`,
      );
      return `<tr role="row"><th scope="row" role="rowheader">${nameHtml(service)}</th>${cells.join("")}</tr>`;
    });
    return [
      `<h2 id="changes">What changes</h2>
<div class="card scroll"><table role="table" aria-labelledby="changes"><thead role="rowgroup"><tr role="row">${columns.join("")}</tr></thead>
<tbody role="rowgroup">${rows.join("\n")}</tbody></table></div>`,
    ];
  }

  services(): string[] {
    const { shown } = this.summary;
    if (shown.length === 0) return [];
    return ["<h2>Service by service</h2>", ...shown.map((service) => this.service(service))];
  }

  private service(service: ServiceReview): string {
    const facts = factsOf(service, this.report.disks).map((fact) =>
      factHtml(fact, fact.label === "Commits" ? logHtml(service) : ""),
    );
    const body = `<dl class="facts">${facts.join("\n")}</dl>${changesHtml(service.changes)}`;
    return `<details><summary>${nameHtml(service)} ${tag(service)}</summary><div>${body}</div></details>`;
  }

  stacks(): string[] {
    return this.summary.other.map(
      ({ name, changes }) =>
        `<details open><summary>Stack ${escapeHtml(name)}, beside its services: ${counted(changes.length, "resource")}</summary><div>${changesHtml(changes)}</div></details>`,
    );
  }

  refused(): string[] {
    const { refused } = this.summary;
    if (refused.length === 0) return [];
    const lines = refused.map(
      (service) => `<li>${tag(service)} ${nameHtml(service)}: ${escapeHtml(service.reason)}</li>`,
    );
    return ["<h2>Shown and never applied</h2>", `<div class="card"><ul class="plain">${lines.join("")}</ul></div>`];
  }

  disks(): string[] {
    const { disks } = this.report;
    if (disks.length === 0) return [];
    const lines = disks.map((disk) => {
      const text = escapeHtml(`${disk.host}: ${diskText(disk)}`);
      return `<li>${disk.fits ? text : `<strong class="bad">✕ ${text}</strong>`}</li>`;
    });
    return ["<h2>Disks</h2>", `<div class="card"><ul class="plain">${lines.join("")}</ul></div>`];
  }

  extents(): string[] {
    const { touched, waiting, untouched } = this.report;
    const { still } = this.summary;
    const services = still.length > 0 ? [fact(`Services (${still.length})`, names(still.map(pinName)))] : [];
    const left = [...services, ...extentsHtml(untouched)];
    const part = (title: string, facts: readonly string[]) =>
      facts.length > 0 ? [`<h2>${title}</h2>`, `<dl class="facts card">${facts.join("")}</dl>`] : [];
    return [
      ...part("Touched", extentsHtml(touched)),
      ...part("Touched once approved", extentsHtml(waiting)),
      ...part("Not touched", left),
    ];
  }
}

function alert(tone: "bad" | "warn", title: string, items: readonly string[]): string {
  const lines = items.map((item) => `<li>${item}</li>`).join("");
  return `<section class="alert ${tone}"><h2>${title}</h2><ul>${lines}</ul></section>`;
}

function findingText({ rule, subject, message, allow }: Finding): string {
  return `<code>${escapeHtml(rule)}</code> ${escapeHtml(subject)}: ${escapeHtml(message)}. To allow it: ${escapeHtml(allow)}`;
}

function nameHtml({ service, environment }: ServiceReview): string {
  return `<span class="service">${escapeHtml(service)}</span> <span class="soft">${environment}</span>`;
}

function tag({ action }: ServiceReview): string {
  const { sign, word } = actionSigns[action];
  return `<span class="tag is-${action}"><span aria-hidden="true">${sign}</span> ${word}</span>`;
}

function commitsHtml({ commits }: ServiceReview): string {
  const live =
    commits.live === null && commits.relation === "first" ? "nothing" : `<code>${commitText(commits.live)}</code>`;
  const relation = `<span aria-hidden="true">${relationText(commits)}</span>`;
  const words = relationWords(commits);
  return `${live} → <code>${commitText(commits.pinned)}</code> <span class="soft" title="${words}">${relation}</span>`;
}

function fact(label: string, value: string): string {
  return `<dt>${label}</dt><dd>${value}</dd>`;
}

function factHtml({ label, text, tone }: Fact, more: string): string {
  const signs = { bad: "✕ ", warn: "⚠ " };
  const value =
    tone === "code"
      ? `<code>${escapeHtml(text)}</code>`
      : tone === undefined
        ? escapeHtml(text)
        : `<strong class="${tone}">${signs[tone]}${escapeHtml(text)}</strong>`;
  return fact(label, value + more);
}

function logHtml(service: ServiceReview): string {
  const { lines, more } = logOf(service, everything);
  if (lines.length === 0) return "";
  const items = lines.map(({ commit, subject, by, paths, morePaths, taken }) => {
    const mark = taken ? `<strong class="bad">${takenMark}</strong> ` : "";
    const touched = [...paths.map((path) => escapeHtml(path)), morePathsText(morePaths)].filter(Boolean).join(", ");
    return `<li>${mark}<code>${commit}</code> ${escapeHtml(subject)} <span class="soft">${escapeHtml(by)}</span><span class="paths">${touched}</span></li>`;
  });
  if (more > 0) items.push(`<li>… ${counted(more, "more commit")}</li>`);
  return `<ul class="log">${items.join("")}</ul>`;
}

function changesHtml(changes: ServiceReview["changes"]): string {
  const { lines } = changeLines(changes, everything);
  if (lines.length === 0) return "";
  const items = lines.map(({ action, destroys, text, fields }) => {
    const word = destroys ? `<strong class="bad">✕ ${action}</strong>` : `<strong>${action}</strong>`;
    const inside = fields.map((field) => `<span class="paths">${escapeHtml(field, 700)}</span>`).join("");
    return `<li>${word}: ${escapeHtml(text, 700)}${inside}</li>`;
  });
  return `<ul class="log">${items.join("")}</ul>`;
}

function extentsHtml(extents: readonly Extent[]): string[] {
  return extents.flatMap((extent) =>
    extentLines(extent).map(({ kind, names: all }) =>
      fact(`${escapeHtml(extent.host, 60)}, ${counted(all.length, kind)}`, names(all)),
    ),
  );
}

function names(all: readonly string[]): string {
  return `<span class="names">${all.map((name) => escapeHtml(name, 120)).join(", ")}</span>`;
}
