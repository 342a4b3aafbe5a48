import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { parseInline } from "marked";
import stringWidth from "string-width";
import { describe, expect, test } from "vitest";
import { Receipt, renderReceiptMarkdown } from "../../lib/review/receipt.ts";
import { renderHtml } from "../../lib/review/render/html.ts";
import { renderMarkdown } from "../../lib/review/render/markdown.ts";
import { code } from "../../lib/review/render/markdown-text.ts";
import { renderTerminal } from "../../lib/review/render/terminal.ts";
import { plain } from "../../lib/review/render/text.ts";
import { ReviewReport } from "../../lib/review/report.ts";
import { arbitraryOf } from "./arbitrary.ts";

const reports = arbitraryOf(ReviewReport);
/** What picocolors may write. */
const colour = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, "g");
const runs = { numRuns: 30 };

test("random reports are reports", () => {
  fc.assert(
    fc.property(reports, (report) => ReviewReport.safeParse(report).success),
    runs,
  );
});

/** As CommonMark reads them: up to the next run of as many backticks. What is inside is text. */
const codeSpan = /(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)/g;
/** Everything that opens or ends a comment. */
const comments = (markdown: string) => markdown.match(/<!--[\s\S]*?-->|<!--|-->/g) ?? [];

describe("whatever a report holds", () => {
  test("Markdown keeps its first and last line, its size and its tags", () => {
    fc.assert(
      fc.property(reports, (report) => {
        const text = renderMarkdown(report);
        const marker = `<!-- unidesk-fingerprint: ${report.fingerprint} -->`;
        expect(text.split("\n").at(0)).toBe("<!-- unidesk-review -->");
        expect(text.split("\n").at(-1)).toBe(marker);
        expect(comments(text.replaceAll(codeSpan, ""))).toEqual(["<!-- unidesk-review -->", marker]);
        expect(text.match(/^<!--/gm)).toHaveLength(2);
        expect(Buffer.byteLength(text)).toBeLessThan(60_000);
        expectInert(text);
      }),
      runs,
    );
  });

  test("the page has no markup but its own", () => {
    fc.assert(
      fc.property(reports, (report) => {
        const text = renderHtml(report);
        expect(text).not.toMatch(/<script|<img|<a\b|<iframe|<link|javascript:\/\//i);
        expect(text.match(/<!--/g)).toBeNull();
        expect(text.match(/<details/g)?.length ?? 0).toBe(text.match(/<\/details>/g)?.length ?? 0);
        expect(text).not.toMatch(/<[^>]*\son[a-z]+=/i);
      }),
      runs,
    );
  });

  test("the terminal gets no control characters, and the fingerprint last", () => {
    fc.assert(
      fc.property(reports, fc.boolean(), (report, color) => {
        const text = renderTerminal(report, { width: 80, color });
        const lines = stripVTControlCharacters(text).split("\n");
        expect(lines.at(-1)).toBe(`fingerprint ${report.fingerprint.slice(0, 12)}`);
        if (report.offline !== null) expect(lines[0]).toMatch(/^OFFLINE:/);
        for (const line of text.replaceAll(colour, "").split("\n")) expect(line).not.toMatch(/\p{Cc}|[\u202a-\u202e]/u);
        if (!color) expect(text).not.toContain("\u001b");
      }),
      runs,
    );
  });

  test("a receipt keeps its markers", () => {
    fc.assert(
      fc.property(arbitraryOf(Receipt), (receipt) => {
        const text = renderReceiptMarkdown(receipt);
        const marker = `<!-- unidesk-fingerprint: ${receipt.fingerprint} -->`;
        expect(text.split("\n").at(-1)).toBe(marker);
        expect(comments(text)).toEqual(["<!-- unidesk-receipt -->", marker]);
        expectInert(text);
      }),
      runs,
    );
  });
});

const decoded = (_: string, digits: string) => String.fromCodePoint(Number(digits));

/** No link, mention, reference or tag of somebody else's, neither in the source nor in what a forge makes of it. */
function expectInert(whole: string): void {
  const text = whole.replaceAll(codeSpan, "");
  const tags = text.replaceAll(/<!--.*?-->/g, "").match(/<[^>]*>/g) ?? [];
  for (const tag of tags) expect(tag).toMatch(/^<\/?(code|details|summary|b|pre|br)>$/);
  for (const name of ["code", "details", "summary", "b", "pre"]) {
    expect(text.split(`<${name}>`).length, name).toBe(text.split(`</${name}>`).length);
  }
  const read = text.replaceAll(/&#(\d+);/g, decoded);
  expect(read).not.toMatch(/@[\w-]|https?:\/\/|www\./);
  // References in code are left alone by both forges.
  expect(text.replaceAll(/<(code|pre)>[^<]*<\/\1>/g, "").replaceAll(/&#(\d+);/g, decoded)).not.toMatch(/#\d|GH-\d/);
  expect(text).not.toMatch(/\]\(|!\[/);
}

test("code is what was given, for a reader and for a copy", () => {
  const evil = fc.constantFrom(
    "`",
    "``",
    "\\",
    "@org",
    "https://x.y",
    "www.x.y",
    "<b>",
    "<!--",
    "&amp;",
    "#1",
    "|",
    " ",
    "a",
  );
  fc.assert(
    fc.property(fc.array(evil, { maxLength: 12 }), (parts) => {
      const text = plain(parts.join(""));
      const references: Record<string, string> = {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "'": "&#39;",
      };
      const html = (text || " ").replaceAll(/[&<>"']/g, (one) => references[one] ?? one);
      expect(parseInline(`- a ${code(text)} b`)).toBe(`- a <code>${html}</code> b`);
    }),
    { numRuns: 200 },
  );
});

test("lines of an ordinary report are no wider than the terminal", async () => {
  const { exampleReport } = await import("./example.ts");
  const lines = renderTerminal(exampleReport(), { width: 80, color: false }).split("\n");
  const commands = lines.filter((line) => line.includes("npx unidesk"));
  for (const line of lines) if (!commands.includes(line)) expect(stringWidth(line), line).toBeLessThanOrEqual(80);
});
