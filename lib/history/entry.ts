import * as z from "zod";
import { Commit, Digest } from "../config/values.ts";

/**
 * How a deployment ended: `deployed`; `restored`, the previous image answers again; `removed`, a first
 * deployment failed and its container is gone; `restore-failed`, neither; `superseded`, somebody else put
 * another container there meanwhile, which was left alone; `retired`, stopped by `unidesk retire`.
 */
export const historyResults = ["deployed", "restored", "removed", "restore-failed", "superseded", "retired"] as const;

/** One line of `~/.unidesk/deploy-history/<service>.jsonl` on the host that a service runs on; the fields are a contract. */
export const HistoryEntry = z.object({
  /** Id of the deploy job. */
  id: z.string(),
  service: z.string(),
  /** Name of the stack that deployed it: `unidesk-prod-main-server`. */
  stack: z.string(),
  commit: Commit,
  digest: Digest.nullish(),
  /** Commit of the image that ran before, where there was one. */
  previousCommit: Commit.nullish(),
  /** UTC, RFC 3339. */
  startedAt: z.string(),
  finishedAt: z.string(),
  /**
   * From stopping the previous container to the first good answer, in seconds; on Kubernetes how long a Service was seen
   * without a ready endpoint.
   */
  downtimeSeconds: z.number().nonnegative().nullish(),
  /**
   * Compressed bytes that the delivery of this image fetched, as its target's image store said; null where that is
   * unknown. Older lines hold what was missing before the pull.
   */
  bytes: z.int().nonnegative().nullish(),
  /** How long that delivery took, in seconds. */
  deliverySeconds: z.number().nonnegative().nullish(),
  result: z.enum(historyResults),
  /** Why it did not end as `deployed`. */
  reason: z.string().nullish(),
  /** Who applied it: `user@machine`. */
  operator: z.string(),
  /** Hash of the step's spec, as its receipt says it. */
  fingerprint: z.string(),
  /** Who approved a supervised deployment, and until when. */
  approval: z.object({ signer: z.string(), expires: z.string() }).nullish(),
});
export type HistoryEntry = z.infer<typeof HistoryEntry>;
