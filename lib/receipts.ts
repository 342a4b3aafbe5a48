import type { Connection } from "./config/hosts.ts";
import { hostPaths } from "./host-paths.ts";

/**
 * What a mutating step leaves on its host after it succeeded: proof of what was applied there last.
 * Three lines of text, so that a shell script can write it.
 */
export interface Receipt {
  /** Counts the successful runs of the step on this host, from 1. */
  readonly generation: number;
  /** What was applied, as `specLine` of the step says it. */
  readonly spec: string;
  /** The trigger `repair` that the step ran with. */
  readonly repair: string;
}

/** Receipts are found by stack and resource: `d601-registry/registry-config`. */
export type ReceiptKey = `${string}/${string}`;

export function receiptsFolder(host: Pick<Connection, "home">): string {
  return `${hostPaths(host).base}/receipts`;
}

export function receiptPath(host: Pick<Connection, "home">, key: ReceiptKey): string {
  return `${receiptsFolder(host)}/${key}`;
}

/** POSIX shell function: write_receipt FILE SPEC REPAIR. */
export const writeReceiptFunction = `
write_receipt() {
  mkdir -p "$(dirname "$1")"
  receipt_generation=$(sed -n 's/^generation \\([0-9][0-9]*\\)$/\\1/p' "$1" 2>/dev/null | head -n 1)
  printf 'generation %s\\nspec %s\\nrepair %s\\n' "$((\${receipt_generation:-0} + 1))" "$2" "$3" > "$1.$$"
  mv -f "$1.$$" "$1"
}
`;

/** Undefined for anything that is not a whole receipt: it then proves nothing. */
export function parseReceipt(text: string): Receipt | undefined {
  const match = /^generation (\d{1,15})\nspec (.*)\nrepair (.*)\n?$/.exec(text);
  if (!match) return undefined;
  return { generation: Number(match[1]), spec: match[2] ?? "", repair: match[3] ?? "" };
}
