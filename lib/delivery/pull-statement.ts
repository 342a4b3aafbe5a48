import { type Artifact, bytesOf } from "../registry/client.ts";
import type { Fetched } from "./measured.ts";

/** Docker's name of a blob in its output: the beginning of the digest. */
const idLength = 12;
const blobLine = /^([0-9a-f]{12}): (.+)$/;

type Said = "had" | "downloaded" | "unpacked" | "coming";

/** What Docker's words mean; some versions with the containerd store say `Exists`. Any others are of the way there. */
const meanings: ReadonlyMap<string, Said> = new Map([
  ["Already exists", "had"],
  ["Exists", "had"],
  ["Download complete", "downloaded"],
  // Said also of what was there and is unpacked.
  ["Pull complete", "unpacked"],
]);

export interface PullCircumstances {
  /** Docker's classic image store names every layer of a pull; the containerd store only those that it lacks. */
  readonly namesEveryLayer: boolean;
  /** The image itself was there, so that Docker only named it. */
  readonly imageWasThere: boolean;
}

/**
 * What `docker pull` said of each layer, collected line by line.
 *
 * The command's plain output is the source, and not the Engine API's JSON stream: that has byte counts, but throttled,
 * anew after each retry, and the same for every pull that waits for one transfer; and the command finds the daemon
 * wherever the host's configuration has it. The words below were seen with Docker 26 and both of its image stores;
 * others mean that it is unknown. A transfer that broke is resumed where it broke off, so that a layer's size is counted
 * once, however often Docker tried.
 */
export class PullStatement {
  private readonly said = new Map<string, Set<Said>>();

  line(text: string): void {
    const [, id, words = ""] = blobLine.exec(text.trim()) ?? [];
    if (id === undefined) return;
    this.said.set(id, (this.said.get(id) ?? new Set<Said>()).add(meanings.get(words) ?? "coming"));
  }

  /** What this pull fetched or waited for; undefined where its words do not say it. */
  fetched(artifact: Artifact, circumstances: PullCircumstances): Fetched | undefined {
    const layers = new Map(artifact.layers.map((layer) => [idOf(layer.digest), layer]));
    // The containerd store may name these as well, the classic one never does.
    const metadata = [artifact.digest, artifact.manifestDigest, artifact.configDigest].map(idOf);
    const said = new Map([...this.said].filter(([id]) => !metadata.includes(id)));
    // Docker goes by the manifest that it keeps beside an image, and fetches nothing.
    if (said.size === 0) return circumstances.imageWasThere ? { blobs: [], metadataBytes: 0 } : undefined;
    if ([...said.keys()].some((id) => !layers.has(id))) return undefined;
    const ends = [...layers].map(([id, layer]) => ({ layer, end: endOf(said.get(id), circumstances) }));
    if (ends.some(({ end }) => end === undefined)) return undefined;
    const blobs = ends.flatMap(({ layer, end }) => (end === "fetched" ? [layer] : []));
    return { blobs, metadataBytes: bytesOf(artifact.metadata) };
  }
}

function endOf(
  said: ReadonlySet<Said> | undefined,
  { namesEveryLayer }: PullCircumstances,
): "had" | "fetched" | undefined {
  if (said === undefined) return namesEveryLayer ? undefined : "had";
  if (said.has("had")) return said.has("downloaded") ? undefined : "had";
  // Where two pulls wait for one transfer, Docker may tell the second its end alone.
  return said.has("downloaded") || said.has("unpacked") ? "fetched" : undefined;
}

function idOf(digest: string): string {
  return digest.slice("sha256:".length).slice(0, idLength);
}
