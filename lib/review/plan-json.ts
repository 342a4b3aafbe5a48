import * as z from "zod";

const Marks = z.union([z.boolean(), z.record(z.string(), z.unknown()), z.array(z.unknown())]).nullish();

/** The needed part of `terraform show -json` of a plan (JSON output format, "Plan Representation"). */
const PlannedResource = z.object({
  address: z.string(),
  type: z.string(),
  change: z.object({
    actions: z.array(z.string()),
    before: z.unknown(),
    after: z.unknown(),
    after_unknown: z.unknown().optional(),
    before_sensitive: Marks,
    after_sensitive: Marks,
    importing: z.unknown().optional(),
  }),
  action_reason: z.string().optional(),
});
export type PlannedResource = z.infer<typeof PlannedResource>;

export const PlanJson = z.object({
  format_version: z.string(),
  /** `resource_drift` is left out: what a provisioner did looks like drift and is none. */
  resource_changes: z.array(PlannedResource).default([]),
});
export type PlanJson = z.infer<typeof PlanJson>;
