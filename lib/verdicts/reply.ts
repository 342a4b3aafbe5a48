import type * as z from "zod";

/** What one HTTP request to a service gave. */
export interface HealthReply {
  /** HTTP status, or 0 where nothing answered. */
  readonly status: number;
  readonly body: string;
  /** Why nothing answered. */
  readonly error?: string;
  readonly where: string;
}

/** A reply's body where it is JSON of that shape. */
export function parseBody<S extends z.ZodType>(text: string, schema: S): z.output<S> | undefined {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
