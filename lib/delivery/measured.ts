import type { Connection } from "../config/hosts.ts";
import { messageOf, UserError } from "../errors.ts";
import { hostPaths } from "../host-paths.ts";
import { mustRun } from "../ssh/script.ts";
import { formatBytes } from "../verdicts/disk.ts";

/** No pull lasts as long as this, so that an older claim is of no pull that another one could have waited for. */
const keptSeconds = 3600;

/**
 * Prints those of the layers that no other pull has claimed since this one began, and claims them. Arguments: file of
 * claims, when the pull began (nanoseconds since 1970), layers.
 */
export const claimScript = `
set -u
export LC_ALL=C
claims=$1 since=$2
shift 2
mkdir -p "$(dirname "$claims")"
exec 9>>"$claims" || exit 1
flock -w 10 9 || { echo "another pull holds $claims for more than 10 s" >&2; exit 1; }
now=$(date +%s%N)
kept='' taken=' '
while read -r layer time; do
  [[ $time =~ ^[1-9][0-9]{0,18}$ ]] && ((time > now - ${keptSeconds} * 1000000000)) || continue
  kept+="$layer $time"$'\\n'
  ((time <= since)) || taken+="$layer "
done <"$claims"
for layer in "$@"; do
  case $taken in *" $layer "*) continue ;; esac
  kept+="$layer $now"$'\\n'
  printf '%s\\n' "$layer"
done
printf %s "$kept" >"$claims"
`;

/** What a delivery cost. */
export interface Transfer {
  /** What was really fetched, compressed; absent where that is unknown. It is never what was expected before. */
  readonly bytes?: number | undefined;
  readonly seconds: number;
}

export const nothingPulled: Transfer = { bytes: 0, seconds: 0 };

/** What a pull brought into a store. */
export interface Fetched {
  readonly blobs: readonly { readonly digest: string; readonly size: number }[];
  /** Of manifests and configuration that are not among the blobs. */
  readonly metadataBytes: number;
}

export interface Measurement {
  readonly host: Connection;
  readonly store: "docker" | "containerd";
  /** When the pull began, in nanoseconds since 1970 by the host's clock. */
  readonly began: string;
  readonly fetched: Fetched | undefined;
  /** What was missing before the pull. */
  readonly expectedBytes: number;
}

/**
 * Bytes that a pull fetched. Two pulls at once that lack the same layer share one transfer, and both see that it
 * arrived: it counts for the first of them that ends.
 */
export async function measureFetched(
  { host, store, began, fetched, expectedBytes }: Measurement,
  say: (line: string) => void,
): Promise<number | undefined> {
  try {
    if (!fetched) throw new UserError({ what: `${store} did not say it of every layer` });
    const { blobs, metadataBytes } = fetched;
    const digests = blobs.map(({ digest }) => digest);
    const args = [`${hostPaths(host).locks}/fetched-${store}`, began, ...digests];
    const output =
      blobs.length === 0 ? "" : await mustRun(host, "see which layers another pull brought", claimScript, args);
    const own = new Set(output.split("\n"));
    const bytes = blobs.reduce((sum, { digest, size }) => sum + (own.has(digest) ? size : 0), metadataBytes);
    const [real, expected] = [bytes, expectedBytes].map(formatBytes);
    if (real !== expected) say(`fetched ${real}; ${expected} were expected`);
    return bytes;
  } catch (error) {
    // The image is there; its cost is all that is not known.
    if (!(error instanceof UserError)) throw error;
    say(`how much was fetched is unknown: ${messageOf(error)}`);
    return undefined;
  }
}
