import * as z from "zod";

/** `context.policies` of cdktf.json: what a site may decide about the policies over a review. */
export const PolicySettings = z.strictObject({
  "services-per-host": z
    .strictObject({
      limit: z
        .int()
        .min(1)
        .default(5)
        .describe("How many running services of one host may be interrupted by one apply"),
    })
    .prefault({}),
  disabled: z.array(z.string()).default([]).describe("Names of policies that do not run"),
});
export type PolicySettings = z.infer<typeof PolicySettings>;
