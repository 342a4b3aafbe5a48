import { createHash } from "node:crypto";
import type { DeliveryRecord } from "../delivery/record.ts";
import type { StepContext } from "../steps/specs.ts";

export type HistoryContext = Pick<StepContext, "runId" | "operator" | "receipt" | "approval">;

/** One deployment as its runner knows it. */
export interface HistorySubject {
  readonly id: string;
  readonly spec: { readonly artifact: { readonly service: string; readonly commit: string } };
  readonly record: DeliveryRecord | undefined;
  readonly digest: string | undefined;
}

export function stackOf({ receipt }: HistoryContext): string {
  return receipt?.key.split("/")[0] ?? "";
}

/** What the runner knows of the history line (entry.ts): the inside of a JSON object, in plain ASCII. */
export function historyFields({ id, spec, record, digest }: HistorySubject, context: HistoryContext): string {
  const { artifact } = spec;
  const fields = {
    id,
    service: artifact.service,
    stack: stackOf(context),
    commit: artifact.commit,
    digest: digest ?? null,
    ...deliveryOf(record, context.runId),
    operator: context.operator,
    fingerprint: context.receipt?.spec ?? createHash("sha256").update(JSON.stringify(spec)).digest("hex").slice(0, 12),
    approval: context.approval ?? null,
  };
  const ascii = JSON.stringify(fields).replaceAll(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return ascii.slice(1, -1);
}

/** What this apply's own delivery fetched: nothing where the image was there, and unknown where no record says whose it is. */
function deliveryOf(record: DeliveryRecord | undefined, runId: string) {
  if (record?.run === undefined) return { bytes: null, deliverySeconds: null };
  if (record.run !== runId) return { bytes: 0, deliverySeconds: 0 };
  return { bytes: record.bytes ?? null, deliverySeconds: record.seconds ?? null };
}
