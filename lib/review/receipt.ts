import * as z from "zod";
import { pinName } from "../config/deploy-file.ts";
import { Commit, Digest } from "../config/values.ts";
import { prose } from "./render/markdown-text.ts";
import { bytesText, commitText, counted, digestText, secondsText } from "./render/text.ts";
import { Fingerprint } from "./report.ts";

const results = ["applied", "unchanged", "failed", "skipped"] as const;

/** What an apply costs; null is unknown. */
const Cost = z.strictObject({
  bytes: z.int().nonnegative().nullable(),
  seconds: z.number().nonnegative().nullable(),
  downtimeSeconds: z.number().nonnegative().nullable(),
});

const Replica = z.strictObject({
  /** Container, or pod as `<namespace>/<name>`. */
  name: z.string(),
  /** What `/health` says. */
  liveCommit: Commit.nullable(),
  requestedCommit: Commit.nullable(),
  /** Whether the image that it runs is the delivered one. */
  image: z.enum(["delivered", "other", "unknown"]),
  /** Of the image that it runs; null where nobody can tell, as of one that no delivery recorded. */
  imageDigest: Digest.nullable(),
});

export const ServiceReceipt = z.strictObject({
  service: z.string(),
  environment: z.enum(["prod", "dev"]),
  host: z.string(),
  commit: Commit,
  /** What was found after the apply, each at its own place. */
  digests: z.strictObject({
    registry: Digest.nullable(),
    target: Digest.nullable(),
    /** Commit by the image's label. */
    labelCommit: Commit.nullable(),
    replicas: z.array(Replica),
  }),
  /** All of them were seen, and are the pinned one. */
  agrees: z.boolean(),
  /** Something was seen that is not the pinned one; where neither is true, something was not seen. */
  differs: z.boolean(),
  predicted: Cost.describe("What the review said"),
  measured: Cost.describe(
    "What was counted by the apply itself. `bytes` is what the target's image store fetched, and never what was missing before; null where the store did not say it",
  ),
  result: z.enum(results),
});
export type ServiceReceipt = z.infer<typeof ServiceReceipt>;

/** What an apply of a review did; written beside the review. */
export const Receipt = z.strictObject({
  version: z.literal(1),
  /** Of the review that was applied. */
  fingerprint: Fingerprint,
  target: z.string(),
  /** RFC 3339, UTC. */
  startedAt: z.string(),
  finishedAt: z.string(),
  operator: z.string(),
  result: z.enum(["applied", "failed", "partial"]),
  stacks: z.array(z.strictObject({ name: z.string(), result: z.enum(results), reason: z.string().nullable() })),
  services: z.array(ServiceReceipt),
});
export type Receipt = z.infer<typeof Receipt>;

const resultSigns = { applied: "✓", unchanged: "·", skipped: "–", partial: "✕", failed: "✕" } as const;

/** The receipt for people: predicted numbers beside the measured ones, and what runs now at every place. */
export function renderReceiptMarkdown(receipt: Receipt): string {
  const { services, stacks, result } = receipt;
  const seconds = (Date.parse(receipt.finishedAt) - Date.parse(receipt.startedAt)) / 1000;
  const differing = services.filter(({ differs }) => differs).length;
  const unseen = services.filter(({ agrees, differs }) => !agrees && !differs).length;
  const parts = [
    "<!-- unidesk-receipt -->",
    `### ${resultSigns[result]} ${result}: ${counted(services.length, "service")} of ${prose(receipt.target, 80)} in ${secondsText(Number.isFinite(seconds) && seconds >= 0 ? seconds : null)}`,
    `By ${prose(receipt.operator, 80)}, ${prose(receipt.startedAt, 40)} to ${prose(receipt.finishedAt, 40)} (UTC).`,
    ...(differing > 0
      ? [
          `**✕ ${counted(differing, "service")} ${differing === 1 ? "does" : "do"} not run what was pinned everywhere.**`,
        ]
      : []),
    ...(unseen > 0
      ? [`**? Of ${counted(unseen, "service")} not everything was seen: whether they agree is unknown.**`]
      : []),
    ...(services.length > 0 ? [costTable(services), placesTable(services)] : []),
    ...(stacks.length > 0 ? [stackList(stacks)] : []),
    `<!-- unidesk-fingerprint: ${receipt.fingerprint} -->`,
  ];
  return parts.join("\n\n");
}

function costTable(services: readonly ServiceReceipt[]): string {
  const rows = services.map((service) => {
    const { predicted, measured, result } = service;
    return [
      nameCell(service),
      `${resultSigns[result]} ${result}`,
      both(bytesText(predicted.bytes), bytesText(measured.bytes)),
      both(secondsText(predicted.seconds), secondsText(measured.seconds)),
      both(secondsText(predicted.downtimeSeconds), secondsText(measured.downtimeSeconds)),
    ];
  });
  return table(["service", "result", "bytes: predicted → real", "time", "down"], rows);
}

const both = (predicted: string, real: string) => `${predicted} → **${real}**`;

function placesTable(services: readonly ServiceReceipt[]): string {
  const rows = services.map((service) => {
    const { digests, commit } = service;
    const replicas = digests.replicas.map(({ name, liveCommit, requestedCommit, image, imageDigest }) => {
      const asked = requestedCommit === liveCommit ? "" : `, asked for ${commitText(requestedCommit)}`;
      return `${prose(name, 80)} ${commitText(liveCommit)}${asked}${imageText(image, imageDigest)}`;
    });
    return [
      nameCell(service),
      commitText(commit),
      digestText(digests.registry),
      digestText(digests.target),
      commitText(digests.labelCommit),
      replicas.join("<br>") || "none seen",
      agreementText(service),
    ];
  });
  return table(["service", "pinned", "registry", "target", "label", "/health of every replica", "all agree"], rows);
}

function agreementText({ agrees, differs }: ServiceReceipt): string {
  return agrees ? "✓ yes" : differs ? "✕ **NO**" : "? unknown";
}

function imageText(image: z.infer<typeof Replica>["image"], digest: Digest | null): string {
  if (image === "delivered") return "";
  if (image === "unknown") return ", image unknown";
  return digest === null ? ", **another image**" : `, image ${digestText(digest)}`;
}

function nameCell(service: ServiceReceipt): string {
  return `**${prose(pinName(service), 80)}** on ${prose(service.host, 60)}`;
}

function stackList(stacks: Receipt["stacks"]): string {
  return stacks
    .map(
      ({ name, result, reason }) =>
        `- ${resultSigns[result]} ${prose(name, 80)}: ${result}${reason === null ? "" : `, ${prose(reason)}`}`,
    )
    .join("\n");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
