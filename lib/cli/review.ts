import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Command } from "commander";
import { exitCodes, messageOf, UserError } from "../errors.ts";
import { judge } from "../review/judge.ts";
import { renderHtml } from "../review/render/html.ts";
import { renderMarkdown } from "../review/render/markdown.ts";
import { renderTerminal } from "../review/render/terminal.ts";
import { review } from "../review/review.ts";
import { storeReview } from "../review/store.ts";
import type { Synthesize } from "../review/synthesized.ts";
import { withWorkFolder } from "../review/work-folder.ts";
import { addApplyCommand } from "./apply.ts";
import { print, printJson, withProgress } from "./output.ts";

interface ReviewOptions {
  readonly json?: boolean;
  readonly markdown?: boolean;
  readonly html?: string;
  readonly out?: string;
}

/** Exit codes of `review`; a contract, and Terraform's own with `-detailed-exitcode`. */
const reviewCodes = { nothing: exitCodes.ok, changes: 2, error: exitCodes.no } as const;

export function addReviewCommands(program: Command, root: string, synthesize: Synthesize): void {
  program
    .command("review")
    .description(
      "the blast radius of the pins on the hosts as they are now; changes nothing (exit 0 nothing, 2 changes)",
    )
    .argument("[stack...]", "names of stacks; without them all")
    .option("--markdown", "print one pull-request comment")
    .option("--html <file>", "write a page as well")
    .option("--out <folder>", "where report and plan files go; without it below .unidesk/reviews")
    .option("--json", "print the report as JSON")
    .action(async (stacks: string[], { json, markdown, html, out }: ReviewOptions) => {
      if (json && markdown) {
        throw new UserError({ what: "--json and --markdown are two outputs", allowed: "one of them" }, exitCodes.usage);
      }
      const { report } = await withProgress("reviewing", (say) =>
        withWorkFolder(root, async (workFolder) => {
          const made = await review({
            ...{ root, environment: process.env, stacks, synthesize, workFolder, say, judge },
          });
          storeReview(root, made, out);
          return made;
        }),
      );
      if (html !== undefined) writePage(resolve(html), renderHtml(report));
      process.exitCode = reviewCodes[report.decision];
      if (json) return printJson(report);
      if (markdown) return print(renderMarkdown(report));
      print(renderTerminal(report, { width: process.stdout.columns ?? 80, color: usesColor() }));
      if (report.decision === "changes")
        print(`apply exactly this: npx unidesk apply --reviewed ${report.fingerprint}`);
    });
  addApplyCommand(program, root, synthesize, join(root, ".unidesk", "receipts"));
}

function usesColor(): boolean {
  return process.stdout.isTTY && !process.env.NO_COLOR;
}

function writePage(file: string, text: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(`${file}.${process.pid}`, text);
    renameSync(`${file}.${process.pid}`, file);
  } catch (error) {
    throw new UserError({ what: `--html ${file} cannot be written`, found: messageOf(error) }, exitCodes.usage);
  }
}
