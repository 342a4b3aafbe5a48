import * as z from "zod";
import type { Connection } from "../config/hosts.ts";
import type { ObservedImage } from "../observe/compose.ts";
import { mustRun } from "../ssh/script.ts";
import { deliveryPath, parseDeliveryRecord } from "./record.ts";

const script = `
docker image inspect -f '{"id":{{json .Id}},"labels":{{json .Config.Labels}}}' "$1" 2>/dev/null || echo
if [ -f "$2" ]; then cat -- "$2"; fi
`;

const Image = z.strictObject({ id: z.string(), labels: z.record(z.string(), z.string()).nullable() });

/** The image that a target holds under a service's commit tag, with what its delivery recorded. */
export async function readDelivered(
  host: Connection,
  service: string,
  stableImage: string,
  commit: string,
): Promise<ObservedImage | undefined> {
  const args = [`${stableImage}:${commit}`, deliveryPath(host, service, commit)];
  const output = await mustRun(host, `look for image ${args[0]}`, script, args);
  const [image = "", ...record] = output.split("\n");
  if (image === "") return undefined;
  const { id, labels } = Image.parse(JSON.parse(image));
  return { id, labels: labels ?? {}, record: parseDeliveryRecord(record.join("\n")) };
}

/** Digest that this very image was delivered by, where its record says so. */
export function provenDigest(image: ObservedImage): string | undefined {
  return image.record?.imageId === image.id ? image.record.digest : undefined;
}
