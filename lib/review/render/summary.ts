import {
  type Extent,
  type Finding,
  isOpen,
  isWaiting,
  type ReviewReport,
  type ServiceReview,
  type StackReview,
} from "../report.ts";
import { counted, plain, secondsText, wireText } from "./text.ts";

export type Action = ServiceReview["action"];

interface ActionSign {
  readonly sign: string;
  readonly word: string;
  /** Where a column is narrow. */
  readonly brief: string;
}

/** Sign and word of each action: never colour alone. */
export const actionSigns: Readonly<Record<Action, ActionSign>> = {
  deploy: { sign: "▲", word: "deploy", brief: "deploy" },
  "first-deploy": { sign: "+", word: "first deploy", brief: "first" },
  repair: { sign: "⟳", word: "repair", brief: "repair" },
  refused: { sign: "✕", word: "refused", brief: "refused" },
  adopt: { sign: "↧", word: "adopt", brief: "adopt" },
  forget: { sign: "↥", word: "forget", brief: "forget" },
  unknown: { sign: "?", word: "unknown", brief: "unknown" },
  none: { sign: "·", word: "no change", brief: "none" },
};

/** What the renderers lay out, in the order in which a person should read it. */
export interface Summary {
  readonly headline: string;
  /** The headline's parts: how many services, bytes and time, everything else. */
  readonly lead: string;
  readonly cost: readonly string[];
  readonly notes: readonly string[];
  /** Worst first: these change on a host. */
  readonly changing: readonly ServiceReview[];
  /** Of these, what an apply leaves alone until a person has approved it: the totals leave it out. */
  readonly waiting: readonly ServiceReview[];
  /** Everything with an own row: changing, or only in Terraform's state. */
  readonly shown: readonly ServiceReview[];
  /** Pins that are shown and never applied, each with why. */
  readonly refused: readonly ServiceReview[];
  readonly denied: readonly Finding[];
  readonly warned: readonly Finding[];
  readonly failed: readonly StackReview[];
  /** Stacks with changes that belong to no service. */
  readonly other: readonly StackReview[];
  /** Services of which an apply changes nothing. */
  readonly still: readonly ServiceReview[];
}

const onHost = new Set<Action>(["deploy", "first-deploy", "repair"]);
const order: readonly Action[] = ["unknown", "deploy", "first-deploy", "repair", "adopt", "forget"];

export function summaryOf(report: ReviewReport): Summary {
  const shown = order.flatMap((action) => report.services.filter((service) => service.action === action));
  const changing = shown.filter(({ action }) => onHost.has(action));
  const still = report.services.filter((service) => service.action === "none" && !isOpen(service, report.unseen));
  const refused = report.services.filter(({ action }) => action === "refused");
  const hosts = new Set(changing.map(({ host }) => host)).size;
  const lead = leadOf(report, changing.length, hosts);
  const waiting = changing.filter(isWaiting);
  const now = changing.filter((service) => !waiting.includes(service));
  const cost = now.length > 0 ? [`${wireText(report.totals.bytes)} over the wire`, timeOf(report, now)] : [];
  const notes = [...waitingNote(waiting), ...notesOf(report, shown, still, refused)];
  return {
    headline: [lead, ...cost, ...notes].join("; "),
    lead,
    cost,
    notes,
    changing,
    waiting,
    shown,
    refused,
    denied: report.findings.filter(({ level }) => level === "deny"),
    warned: report.findings.filter(({ level }) => level === "warn"),
    failed: report.stacks.filter(({ action, error }) => action === "error" || error !== null),
    other: report.stacks.filter(({ action, changes }) => changes.length > 0 && action !== "refused"),
    still,
  };
}

function leadOf(report: ReviewReport, changing: number, hosts: number): string {
  const lead = changesText(report, changing, hosts);
  return report.unseen.length === 0 ? lead : `${report.unseen.join(" and ")} NOT LOOKED AT; ${lead}`;
}

function changesText({ decision, services, unseen }: ReviewReport, changing: number, hosts: number): string {
  if (changing === 0 && unseen.length > 0) return "what changes there is unknown";
  if (changing === 0 && services.some(({ action }) => action === "unknown")) return "what changes is unknown";
  if (changing === 0) return decision === "nothing" ? "nothing to do" : "no service changes";
  return `${counted(changing, "service")} ${changing === 1 ? "changes" : "change"} on ${counted(hosts, "host")}`;
}

function notesOf(
  { stacks }: ReviewReport,
  shown: readonly ServiceReview[],
  still: readonly ServiceReview[],
  refused: readonly ServiceReview[],
): string[] {
  const count = (...of: Action[]) => shown.filter(({ action }) => of.includes(action)).length;
  const resources = stacks.reduce((sum, { action, changes }) => sum + (action === "refused" ? 0 : changes.length), 0);
  const failed = stacks.filter(({ action }) => action === "error").length;
  const unknown = count("unknown") > 0 ? `, with ${counted(count("unknown"), "service")}` : "";
  return [
    ...(resources > 0 ? [`${counted(resources, "resource")} beside the services`] : []),
    ...(count("adopt", "forget") > 0 ? [`${count("adopt", "forget")} only in Terraform's state`] : []),
    ...(refused.length > 0 ? [`${refused.length} shown and never applied`] : []),
    ...(failed > 0 ? [`${counted(failed, "stack")} could not be planned${unknown}`] : []),
    ...(still.length > 0
      ? [`${counted(still.length, "service")} ${still.length === 1 ? "is" : "are"} not touched`]
      : []),
  ];
}

function waitingNote(waiting: readonly ServiceReview[]): string[] {
  if (waiting.length === 0) return [];
  return [`${waiting.length} of them only once approved, not counted in bytes and time`];
}

function timeOf({ totals }: ReviewReport, changing: readonly ServiceReview[]): string {
  const time = totals.seconds === null ? "unknown time" : `about ${secondsText(totals.seconds)}`;
  const down = changing.filter(({ interrupts }) => interrupts);
  if (down.length === 0) return `${time}, nobody is down`;
  const longest = down.reduce((most, one) =>
    (one.time.downtimeSeconds ?? -1) > (most.time.downtimeSeconds ?? -1) ? one : most,
  );
  const seconds = longest.time.downtimeSeconds ?? 0;
  const open = down.filter((one) => one.time.downtimeSeconds === null).map(({ service }) => plain(service, 60));
  if (seconds === 0) return open.length > 0 ? `${time}, unknown downtime` : `${time}, no downtime`;
  const names = open.length > 2 ? counted(open.length, "other") : open.join(" and ");
  const rest = open.length > 0 ? `, ${names} unknown` : "";
  return `${time}, ${plain(longest.service, 60)} down about ${secondsText(seconds)}${rest}`;
}

/** `17 containers: a, b`; one entry for each kind of thing that there is. */
export function extentLines(extent: Extent): { readonly kind: string; readonly names: readonly string[] }[] {
  const { containers, deployments, namespaces, files } = extent;
  return [
    { kind: "container", names: containers },
    { kind: "deployment", names: deployments },
    { kind: "namespace", names: namespaces },
    { kind: "file", names: files },
  ].filter(({ names }) => names.length > 0);
}
