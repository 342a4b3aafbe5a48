import * as z from "zod";
import type { Connection } from "../config/hosts.ts";
import { Digest } from "../config/values.ts";
import { hostPaths } from "../host-paths.ts";
import { writeRemoteFile } from "../ssh/write-file.ts";

/**
 * What a delivery left on its target: which digest an image id was delivered by. The registry's name
 * is gone from the image afterwards, so Docker itself no longer knows.
 */
const DeliveryRecord = z.strictObject({
  digest: Digest,
  imageId: Digest,
  bytes: z
    .int()
    .nonnegative()
    .optional()
    .describe("What the pull really fetched, 0 where nothing had to be pulled; absent where that is unknown"),
  seconds: z.number().nonnegative().optional().describe("How long the pull took"),
  run: z.string().optional().describe("The apply that delivered it: what it fetched is no other's cost"),
});
export type DeliveryRecord = z.infer<typeof DeliveryRecord>;

export function deliveryPath(host: Pick<Connection, "home">, service: string, commit: string): string {
  return `${hostPaths(host).deliveries}/${service}/${commit}.json`;
}

/** A record that cannot be read proves nothing; the image is then delivered again, which costs no bytes. */
export function parseDeliveryRecord(text: string): DeliveryRecord | undefined {
  try {
    return DeliveryRecord.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

export async function writeDeliveryRecord(
  host: Connection,
  service: string,
  commit: string,
  record: DeliveryRecord,
): Promise<void> {
  await writeRemoteFile(host, deliveryPath(host, service, commit), `${JSON.stringify(record)}\n`);
}
