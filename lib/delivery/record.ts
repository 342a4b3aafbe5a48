import { z } from "zod";
import type { Connection } from "../config/hosts.ts";
import { Digest } from "../config/values.ts";
import { hostPaths } from "../host-paths.ts";
import { mustRun } from "../ssh/script.ts";
import { writeRemoteFile } from "../ssh/write-file.ts";

/** What a delivery left on its target: proof of the digest once the registry's name is gone from the image. */
const DeliveryRecord = z.strictObject({ digest: Digest, imageId: Digest });
export type DeliveryRecord = z.infer<typeof DeliveryRecord>;

/** Prints the image ids of the tag and the recorded delivery; a part that is absent is an empty line. */
const readScript = `
docker image inspect -f '{{.Id}}' "$1" 2>/dev/null || echo
docker image inspect -f '{{json .Config.Labels}}' "$1" 2>/dev/null || echo
if [ -f "$2" ]; then cat -- "$2"; else echo; fi
`;

/** The image that the target holds under a service's commit tag. */
export interface DeliveredImage {
  readonly imageId: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Digest that this very image was delivered by, where a record says so. */
  readonly digest?: Digest;
}

export async function readDelivered(
  host: Connection,
  service: string,
  stableImage: string,
  commit: string,
): Promise<DeliveredImage | undefined> {
  const args = [`${stableImage}:${commit}`, recordPath(host, service, commit)];
  const output = await mustRun(host, `look for image ${args[0]}`, readScript, args);
  const [imageId = "", labels = "", ...record] = output.split("\n");
  if (imageId === "") return undefined;
  const recorded = parseRecord(record.join("\n"));
  return {
    imageId,
    labels: (JSON.parse(labels || "null") as Record<string, string> | null) ?? {},
    ...(recorded && recorded.imageId === imageId ? { digest: recorded.digest } : {}),
  };
}

export async function writeRecord(
  host: Connection,
  service: string,
  commit: string,
  record: DeliveryRecord,
): Promise<void> {
  await writeRemoteFile(host, recordPath(host, service, commit), `${JSON.stringify(record)}\n`);
}

/** A record that cannot be read proves nothing; the image is then delivered again, which costs no bytes. */
function parseRecord(text: string): DeliveryRecord | undefined {
  try {
    return DeliveryRecord.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function recordPath(host: Connection, service: string, commit: string): string {
  return `${hostPaths(host).deliveries}/${service}/${commit}.json`;
}
