import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import * as z from "zod";
import type { Connection } from "../config/hosts.ts";
import { UserError } from "../errors.ts";
import { hostPaths } from "../host-paths.ts";
import type { RegistrySettings } from "../registry/settings.ts";
import { asRootFunction } from "../ssh/as-root.ts";
import { mustRun } from "../ssh/script.ts";

export interface StoredTag {
  readonly tag: string;
  /** Digest that the tag names, whose manifest may be missing; empty where a registry was killed while it wrote the tag. */
  readonly digest: string;
  /** When it was pushed or published last, in milliseconds since 1970. */
  readonly pushedAt: number;
}

export interface StoredManifest {
  readonly digest: string;
  readonly pushedAt: number;
  /** Every blob and manifest that it names. */
  readonly references: readonly string[];
  /** Of an index: the manifests that it lists. */
  readonly children: readonly string[];
}

export interface StoredRepository {
  readonly name: string;
  readonly tags: readonly StoredTag[];
  /** All of them, tagged or not: the API lists tags only. */
  readonly manifests: readonly StoredManifest[];
  /** Hash of all names of tags and manifests: tells whether anything was pushed or deleted meanwhile. */
  readonly listing: string;
}

/** What lies in the registry's storage. */
export interface RegistryStorage {
  readonly repositories: readonly StoredRepository[];
  /** Bytes of every blob on the disk, manifests included. */
  readonly blobs: ReadonlyMap<string, number>;
  /** By the host's clock, in milliseconds since 1970. */
  readonly lookedAt: number;
}

/** Of Distribution 2: where repositories and blobs lie in its root folder. */
export const storageTree = "docker/registry/v2";

/** Shell function: names of all tags, with what they name, and of all manifests in the repository that is the current folder. */
export const listingFunction = String.raw`
listing() {
  { find _manifests/tags -path '_manifests/tags/*/current/link' -type f | sort | tr '\n' '\0' | xargs -0 -r grep -aH '' /dev/null
    find _manifests/revisions -name link -type f | sort; } 2>/dev/null
}
`;

/**
 * Arguments: the storage's root folder, the folder of artifact records. A few processes, however many tags there are; they
 * change nothing. Nothing was ever pushed to a registry whose root folder is empty. Uploads come and go, so that no
 * search goes into them.
 */
export const storageLookScript = String.raw`
set -u -o pipefail
export LC_ALL=C
cd "$1" || exit 1
[ ! -d "${storageTree}" ] || cd "${storageTree}" || exit 1
# below FOLDER COMMAND...: there, where it is there
below() { [ ! -d "$1" ] || (cd "$1" && shift && "$@"); }
links() { find . '(' -name _uploads -o -name _layers ')' -prune -o '(' -path '*/_manifests/tags/*/current/link' -o -path '*/_manifests/revisions/*/link' ')' -type f "$@"; }
say_links() { links -printf '%P\0' | xargs -0 -r grep -aH '' /dev/null; }
{
  echo "@now"
  date +%s.%N
  echo "@times"
  below repositories links -printf '%T@ %P\n' || exit 1
  echo "@links"
  below repositories say_links
  echo "@blobs"
  below blobs/sha256 find . -name data -type f -printf '%s %P\n' || exit 1
  echo "@contents"
  below repositories links -path '*/revisions/sha256/*' -printf '%h\n' | sed 's|.*/||' | sort -u |
    sed 's|^\(..\).*|blobs/sha256/\1/&/data|' | tr '\n' '\0' | xargs -0 -r grep -saH '' /dev/null
  echo "@records"
  [ ! -d "$2" ] || (cd "$2" && find . -mindepth 2 -maxdepth 2 -name '*.json' -printf '%T@ %P\n') || exit 1
  echo "@end"
} | gzip -c | base64 -w0
`;

/** Looks at the storage itself, as root: untagged manifests and what a blob weighs on the disk no API tells. */
export async function readStorage(host: Connection, settings: RegistrySettings): Promise<RegistryStorage> {
  const { registry, artifacts } = hostPaths(host, settings.name);
  const script = `${asRootFunction}\nas_root bash -c "$1" look "$2" "$3"`;
  const args = [storageLookScript, registry.storage, artifacts];
  const text = await mustRun(host, "look at the registry's storage", script, args, { timeoutSeconds: 120 });
  return parseStorage(gunzipSync(Buffer.from(text, "base64")).toString("utf8"), host.name);
}

const Reference = z.looseObject({ digest: z.string() });
/** Of every kind of manifest that Distribution 2.8 takes, what counts for its garbage collection. */
const AnyManifest = z.looseObject({
  config: Reference.optional(),
  layers: z.array(Reference).optional(),
  blobs: z.array(Reference).optional(),
  manifests: z.array(Reference).optional(),
  fsLayers: z.array(z.looseObject({ blobSum: z.string() })).optional(),
});

export function parseStorage(text: string, host: string): RegistryStorage {
  const sections = sectionsOf(text, host);
  const links = new Map(sections.links.map((line) => split(line, ":")));
  const records = new Map(sections.records.map((line) => [split(line, " ")[1], milliseconds(line)]));
  const blobs = new Map(
    sections.blobs.map((line) => {
      const [size, path] = split(line, " ");
      return [digestOf(path.split("/")[1] ?? ""), Number(size)];
    }),
  );
  const contents = new Map<string, string>();
  for (const line of sections.contents) {
    const [path, content] = split(line, ":");
    const digest = digestOf(path.split("/")[3] ?? "");
    contents.set(digest, `${contents.get(digest) ?? ""}${content}\n`);
  }
  const found = new Map<string, { tags: StoredTag[]; manifests: StoredManifest[]; names: string[] }>();
  for (const line of [...sections.times].sort((one, other) => (split(one, " ")[1] < split(other, " ")[1] ? -1 : 1))) {
    const path = split(line, " ")[1];
    const [, name = "", tag, revision] =
      /^(.+)\/_manifests\/(?:tags\/([^/]+)\/current|revisions\/sha256\/([0-9a-f]{64}))\/link$/.exec(path) ?? [];
    if (name === "") continue;
    const repository = found.get(name) ?? { tags: [], manifests: [], names: [] };
    found.set(name, repository);
    const inside = path.slice(name.length + 1);
    if (tag !== undefined) {
      const digest = links.get(path) ?? "";
      const recordedAt = records.get(`${name.replace(/^unidesk\//, "")}/${tag}.json`) ?? 0;
      repository.tags.push({ tag, digest, pushedAt: Math.max(milliseconds(line), recordedAt) });
      // The host's listing has the lines of the file, and this one has none.
      if (digest !== "") repository.names.push(`${inside}:${digest}`);
    } else if (revision !== undefined) {
      const digest = digestOf(revision);
      if (links.get(path) !== digest) throw damaged(host, "has a link of a manifest that does not name it", path);
      repository.manifests.push({
        digest,
        pushedAt: milliseconds(line),
        ...namedBy(contents.get(digest), `${name}@${digest}`, host),
      });
      repository.names.push(inside);
    }
  }
  return {
    repositories: [...found].map(([name, { names, ...rest }]) => ({ name, ...rest, listing: listingHash(names) })),
    blobs,
    lookedAt: milliseconds(sections.now[0] ?? ""),
  };
}

/** As `listing | sha256sum` says it on the host: tags first, each kind sorted by path. */
function listingHash(names: readonly string[]): string {
  const tags = names.filter((name) => name.startsWith("_manifests/tags/"));
  const revisions = names.filter((name) => !name.startsWith("_manifests/tags/"));
  const text = [...tags, ...revisions].map((name) => `${name}\n`).join("");
  return createHash("sha256").update(text).digest("hex");
}

/** The registry's own garbage collection fails on a manifest or a link that it cannot read; so nothing is begun. */
function namedBy(
  content: string | undefined,
  name: string,
  host: string,
): Pick<StoredManifest, "references" | "children"> {
  let parsed: z.infer<typeof AnyManifest> | undefined;
  try {
    parsed = content === undefined ? undefined : AnyManifest.parse(JSON.parse(content));
  } catch {
    parsed = undefined;
  }
  if (!parsed) {
    const what = content === undefined ? "is not there" : "cannot be read";
    throw damaged(host, `names a manifest that ${what}`, name);
  }
  const { config, layers = [], blobs = [], manifests = [], fsLayers = [] } = parsed;
  const children = manifests.map(({ digest }) => digest);
  const named = [...(config ? [config] : []), ...layers, ...blobs].map(({ digest }) => digest);
  return { children, references: [...named, ...fsLayers.map(({ blobSum }) => blobSum), ...children] };
}

function damaged(host: string, what: string, found: string): UserError {
  return new UserError({
    what: `${host}: the registry's storage is damaged: it ${what}; nothing is pruned`,
    found,
    remedy:
      "look again, for a push may have been under way; else publish it again, restore it from a backup, or remove its folder below _manifests/revisions of that repository",
  });
}

const sectionNames = ["now", "times", "links", "blobs", "contents", "records"] as const;
type Sections = Record<(typeof sectionNames)[number], string[]>;

function sectionsOf(text: string, host: string): Sections {
  const sections: Sections = { now: [], times: [], links: [], blobs: [], contents: [], records: [] };
  let current: string[] | undefined;
  let ended = false;
  for (const line of text.split("\n")) {
    if (line.startsWith("@")) {
      const name = sectionNames.find((candidate) => line === `@${candidate}`);
      current = name && sections[name];
      ended = line === "@end";
    } else if (line !== "") current?.push(line);
  }
  if (ended) return sections;
  throw new UserError({ what: `${host}: looking at the registry's storage failed`, found: "the output ends early" });
}

function split(line: string, separator: string): [string, string] {
  const at = line.indexOf(separator);
  return [line.slice(0, at), line.slice(at + 1)];
}

function milliseconds(line: string): number {
  return Math.round(Number.parseFloat(line) * 1000);
}

function digestOf(hex: string): string {
  return `sha256:${hex}`;
}
