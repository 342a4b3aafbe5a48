import type { Place } from "../history/collect.ts";
import type { RegistryStorage, StoredRepository } from "./storage.ts";

/** Why something is needed; by commit, by digest, or both. */
export interface Use {
  /** @default - whichever has that commit */
  readonly repository?: string;
  readonly commit?: string;
  readonly digest?: string;
  /** Where the commit is pinned or runs, so that a rollback may be asked for there. */
  readonly place?: Place;
  /** For people: `live on main-server`. */
  readonly reason: string;
}

export interface PruneRules {
  /** Repositories that may be pruned: those of CI.json's build entries. Everything else is left alone. */
  readonly prunable: ReadonlySet<string>;
  readonly uses: readonly Use[];
  /** What was pushed later is kept: somebody is about to pin it. Milliseconds since 1970. */
  readonly youngerThan: number;
}

export type Decision = "keep" | "delete" | "left alone";

export interface Decided {
  readonly repository: string;
  /** Undefined for a manifest that no tag names. */
  readonly tag?: string;
  readonly digest: string;
  readonly pushedAt: number;
  readonly decision: Decision;
  readonly reasons: readonly string[];
}

export interface PruneDecision {
  /** Every tag, and every manifest that no tag and no kept index names. */
  readonly artifacts: readonly Decided[];
  /** Manifests that go, children of indexes included. */
  readonly manifests: readonly { readonly repository: string; readonly digest: string }[];
}

const commitTag = /^[0-9a-f]{40}$/;

/** Which tags and manifests go. Pure; in doubt something stays. */
export function decide(storage: RegistryStorage, rules: PruneRules): PruneDecision {
  const decided = storage.repositories.map((repository) =>
    rules.prunable.has(repository.name) ? decideRepository(repository, rules) : leaveAlone(repository),
  );
  return {
    artifacts: decided.flatMap(({ artifacts }) => artifacts),
    manifests: decided.flatMap(({ manifests }) => manifests),
  };
}

function leaveAlone(repository: StoredRepository): PruneDecision {
  const tagged = new Set(repository.tags.map(({ digest }) => digest));
  const children = new Set(repository.manifests.flatMap((manifest) => manifest.children));
  const untagged = repository.manifests.filter(({ digest }) => !tagged.has(digest) && !children.has(digest));
  const reasons = ["not a repository of a build entry of CI.json"];
  return {
    artifacts: [...repository.tags, ...untagged].map((one) => ({
      repository: repository.name,
      ...("tag" in one ? { tag: one.tag } : {}),
      digest: one.digest,
      pushedAt: one.pushedAt,
      decision: "left alone",
      reasons,
    })),
    manifests: [],
  };
}

function decideRepository(repository: StoredRepository, rules: PruneRules): PruneDecision {
  const { name, tags, manifests } = repository;
  const ofDigest = (digest: string) => reasonsOf(rules.uses.filter((use) => use.digest === digest));
  const young = (pushedAt: number) => (pushedAt > rules.youngerThan ? ["pushed a short while ago"] : []);
  const ofTag = tags.map((tag) => {
    const named = rules.uses.filter(
      (use) => use.commit === tag.tag && (use.repository === undefined || use.repository === name),
    );
    return [...new Set([...reasonsOf(named), ...ofDigest(tag.digest), ...young(tag.pushedAt)])];
  });
  const ofManifest = new Map(manifests.map((one) => [one.digest, [...ofDigest(one.digest), ...young(one.pushedAt)]]));
  const kept = new Set(manifests.filter(({ digest }) => ofManifest.get(digest)?.length).map(({ digest }) => digest));
  tags.forEach((tag, index) => {
    if (tag.digest !== "" && (!commitTag.test(tag.tag) || ofTag[index]?.length)) kept.add(tag.digest);
  });
  // A Set's iteration comes to what is added meanwhile: indexes of indexes too.
  for (const digest of kept) {
    for (const child of manifests.find((one) => one.digest === digest)?.children ?? []) kept.add(child);
  }
  const tagged = new Set(tags.map(({ digest }) => digest));
  const children = new Set(manifests.flatMap((manifest) => manifest.children));
  const artifacts = tags.map((tag, index): Decided => {
    const place = { repository: name, tag: tag.tag, digest: tag.digest, pushedAt: tag.pushedAt };
    // A registry was killed while it wrote the tag.
    const half = tag.digest === "" ? ["half written: it names nothing"] : [];
    const reasons = ofTag[index] ?? [];
    if (!commitTag.test(tag.tag)) return { ...place, decision: "left alone", reasons: ["the tag is no commit"] };
    if (reasons.length > 0) return { ...place, decision: "keep", reasons: [...reasons, ...half] };
    if (!kept.has(tag.digest)) {
      return { ...place, decision: "delete", reasons: half.length > 0 ? half : ["nothing needs it"] };
    }
    const others = tags.filter((other) => other !== tag && other.digest === tag.digest).map((other) => other.tag);
    const [why = ""] = ofManifest.get(tag.digest)?.length
      ? (ofManifest.get(tag.digest) ?? [])
      : [others.length > 0 ? `same manifest as ${others.join(", ")}` : "part of an index that is kept"];
    return { ...place, decision: "keep", reasons: [why] };
  });
  const untagged = manifests
    .filter(({ digest }) => !tagged.has(digest) && !(children.has(digest) && kept.has(digest)))
    .map(({ digest, pushedAt }): Decided => {
      const reasons = ofManifest.get(digest) ?? [];
      const decision = kept.has(digest) ? "keep" : "delete";
      return { repository: name, digest, pushedAt, decision, reasons: reasons.length > 0 ? reasons : ["no tag"] };
    });
  return {
    artifacts: [...artifacts, ...untagged],
    manifests: manifests.filter(({ digest }) => !kept.has(digest)).map(({ digest }) => ({ repository: name, digest })),
  };
}

function reasonsOf(uses: readonly Use[]): string[] {
  return [...new Set(uses.map(({ reason }) => reason))];
}
