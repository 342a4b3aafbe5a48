import type { Receipt } from "./receipts.ts";

/** What was seen of one thing that a step manages. */
export interface Look {
  /** Why it is not as declared now; undefined where it is. */
  readonly drift: string | undefined;
  /** Why it is not as its last receipt says; undefined where it is. Same as `drift` where nothing new is declared. */
  readonly driftFromReceipt: string | undefined;
}

export interface RepairInput {
  /** What is declared, one line. */
  readonly spec: string;
  /** What was seen; undefined where nobody looked. */
  readonly look: Look | undefined;
  readonly receipt: Receipt | undefined;
  /** Machine id and change time of the nearest existing parent of the receipt. */
  readonly origin: string;
  /** What Terraform's state says; undefined where it cannot be read before synth (a remote backend). */
  readonly state: { readonly isAsDeclared: boolean; readonly repair: string } | undefined;
}

export interface Repair {
  /** Value of the trigger `repair`. */
  readonly value: string;
  /** Which triggers Terraform's own comparison leaves out. */
  readonly ignore: "none" | "repair" | "triggers";
}

/**
 * Terraform compares with its state only; this makes the state differ exactly when the host does.
 * Nothing volatile enters a value, so that a diff and the deploy after it agree.
 */
export function decideRepair(input: RepairInput): Repair {
  const { look, receipt, spec } = input;
  // Where nothing is to be repaired the value that the state has makes the least noise.
  // A receipt is text from a host, so it is cleaned before it gets near a template.
  const last = sanitize(input.state?.repair ?? receipt?.repair ?? "");
  if (!look) return { value: last, ignore: "repair" };
  const next = (reason: string): Repair => {
    const value = sanitize(receipt ? `${receipt.generation + 1}: ${reason}` : `first: ${input.origin}: ${reason}`);
    // A host that was restored from a snapshot repeats itself; the state must differ all the same.
    return { value: value === last ? `${value}, again` : value, ignore: "none" };
  };
  if (receipt && receipt.spec !== spec) {
    // The host is as declared already, whoever did that: the apply finds nothing to do and writes the receipt.
    if (!look.drift) return { value: last, ignore: "repair" };
    if (look.driftFromReceipt) return next(look.driftFromReceipt);
    // A new pin and nothing else: Terraform sees it by itself, unless its state is ahead of the host.
    if (input.state?.isAsDeclared === false) return { value: last, ignore: "repair" };
    return next(look.drift);
  }
  if (look.drift) return next(look.drift);
  // As declared: also an old copy of the state, with other values, must be quiet.
  return { value: last, ignore: receipt ? "triggers" : "repair" };
}

/**
 * A value without machine and time of a first repair, for whoever compares two looks at a host: any new file beside the
 * receipts, such as the lock of the apply itself, is another time, and why something is repaired is still the same.
 */
export function withoutOrigin(value: string): string {
  return value.replaceAll(/\bfirst: \S+ (?:nowhere|[\d-]+ [\d:.]+): /g, "first: ");
}

/** One line without characters that a shell or a receipt would read as something else. */
export function sanitize(text: string): string {
  return text.replaceAll(/[^\w .,:;/+=@()-]/g, "_").slice(0, 300);
}
