import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import colors from "picocolors";
import { pinName } from "../config/deploy-file.ts";
import { shortCommit } from "../config/values.ts";
import { exitCodes } from "../errors.ts";
import { printableLines } from "../printable.ts";
import { applyReviewed } from "../review/apply.ts";
import { judge } from "../review/judge.ts";
import { type Receipt, renderReceiptMarkdown } from "../review/receipt.ts";
import { makeReceipt } from "../review/receipt-builder.ts";
import { bytesText } from "../review/render/text.ts";
import type { Synthesize } from "../review/synthesized.ts";
import { withWorkFolder } from "../review/work-folder.ts";
import { mark, print, printJson, printTable } from "./output.ts";

interface ApplyOptions {
  readonly reviewed: string;
  readonly json?: boolean;
}

export function addApplyCommand(program: Command, root: string, synthesize: Synthesize, receipts: string): void {
  program
    .command("apply")
    .description("apply exactly what was reviewed, and nothing where anything changed since")
    .argument("[stack...]", "names of stacks; without them all that were reviewed")
    .requiredOption("--reviewed <folder|fingerprint>", "a review's folder, or the fingerprint that it printed")
    .option("--json", "print the receipt as JSON")
    .action(async (stacks: string[], { reviewed, json }: ApplyOptions) => {
      // Progress goes to standard error, so that the receipt alone is on standard output.
      const write = (text: string) => process.stderr.write(`${text}\n`);
      const say = (line: string) => write(printableLines(line));
      const tell = (_: string, address: string, line: string) =>
        write(`${colors.dim(printableLines(nameOf(address)))} ${printableLines(line.trim())}`);
      const environment = process.env;
      const { receipt, unlocked } = await withWorkFolder(root, async (workFolder) => {
        const request = { root, environment, stacks, synthesize, workFolder, reviewed, judge, say, tell };
        const outcome = await applyReviewed(request);
        return { receipt: await makeReceipt(outcome, say), unlocked: outcome.unlocked };
      });
      const file = writeReceipt(receipts, receipt);
      process.exitCode = receipt.result === "applied" && unlocked === null ? exitCodes.ok : exitCodes.no;
      if (json) return printJson(receipt);
      show(receipt);
      print(`receipt: ${file}`);
    });
}

function show({ result, services, stacks }: Receipt): void {
  print(mark(result === "applied", result));
  if (services.length > 0) {
    const head = ["service", "commit", "bytes", "seconds", "down", "everywhere the same"];
    const rows = services.map(({ commit, predicted, measured, agrees, differs, ...service }) => [
      pinName(service),
      shortCommit(commit),
      `${bytesText(predicted.bytes)} → ${bytesText(measured.bytes)}`,
      `${predicted.seconds ?? "?"} → ${measured.seconds ?? "?"}`,
      `${predicted.downtimeSeconds ?? "?"} → ${measured.downtimeSeconds ?? "?"}`,
      mark(agrees, agrees ? "yes" : differs ? "NO" : "unknown"),
    ]);
    printTable(head, rows);
  }
  for (const { name, result: end, reason } of stacks) {
    if (end === "failed" || reason)
      print(`${name}: ${mark(end !== "failed", end)}: ${printableLines(reason ?? "no reason given")}`);
  }
}

/** `frontend-deployment` of `null_resource.frontend-deployment`. */
function nameOf(address: string): string {
  return address.slice(address.indexOf(".") + 1);
}

function writeReceipt(folder: string, receipt: Receipt): string {
  mkdirSync(folder, { recursive: true });
  const time = receipt.startedAt.replaceAll(/[-:]|\.\d+/g, "");
  const file = join(folder, `${time}-${receipt.fingerprint.slice(0, 16)}`);
  writeFileSync(`${file}.json`, `${JSON.stringify(receipt, null, 2)}\n`);
  writeFileSync(`${file}.md`, `${renderReceiptMarkdown(receipt)}\n`);
  return `${file}.md`;
}
