import { expect, test } from "vitest";
import { freedBytes } from "../../lib/prune/bytes.ts";
import { type Decided, decide, type PruneRules, type Use } from "../../lib/prune/decide.ts";
import type { RegistryStorage, StoredManifest, StoredRepository } from "../../lib/prune/storage.ts";

const hour = 3_600_000;
const now = 1_000 * hour;
const old = now - 100 * hour;
const [a, b, c] = ["a", "b", "c"].map((letter) => letter.repeat(40)) as [string, string, string];
const digest = (name: string) => `sha256:${name.padEnd(64, "0")}`;

function manifest(name: string, more: Partial<StoredManifest> = {}): StoredManifest {
  return { digest: digest(name), pushedAt: old, references: [], children: [], ...more };
}

function tag(name: string, of: string, pushedAt = old) {
  return { tag: name, digest: digest(of), pushedAt };
}

function repository(changes: Partial<StoredRepository> = {}): StoredRepository {
  const tags = [tag(a, "1"), tag(b, "2")];
  return { name: "unidesk/frontend", tags, manifests: [manifest("1"), manifest("2")], listing: "", ...changes };
}

function storageOf(...repositories: StoredRepository[]): RegistryStorage {
  return { repositories, blobs: new Map(), lookedAt: now };
}

function judge(repositories: readonly StoredRepository[], uses: readonly Use[] = [], more: Partial<PruneRules> = {}) {
  const rules = { prunable: new Set(["unidesk/frontend"]), uses, youngerThan: now - 24 * hour, ...more };
  const { artifacts, manifests } = decide(storageOf(...repositories), rules);
  const named = ({ tag: name, digest: of }: Decided) => name?.slice(0, 1) ?? of.slice(7, 8);
  return {
    decisions: Object.fromEntries(artifacts.map((one) => [named(one), `${one.decision}: ${one.reasons.join(", ")}`])),
    deleted: manifests.map((one) => one.digest.slice(7, 8)).sort(),
  };
}

const gone = "delete: nothing needs it";

test("what nothing needs is deleted", () => {
  expect(judge([repository()])).toEqual({ decisions: { a: gone, b: gone }, deleted: ["1", "2"] });
});

test.each<[string, Use]>([
  ["by its commit", { repository: "unidesk/frontend", commit: a, reason: "live" }],
  ["by its digest", { digest: digest("1"), reason: "live" }],
  ["by a commit of whichever repository", { commit: a, reason: "live" }],
])("what something needs %s is kept", (_, use) => {
  expect(judge([repository()], [use])).toEqual({ decisions: { a: "keep: live", b: gone }, deleted: ["2"] });
});

test("a commit that another service needs keeps nothing here", () => {
  expect(judge([repository()], [{ repository: "unidesk/other", commit: a, reason: "live" }]).deleted).toEqual([
    "1",
    "2",
  ]);
});

test("a tag that is half written is named so, and shares nothing with another one", () => {
  const half = { digest: "", pushedAt: old };
  const tags = [{ ...half, tag: a }, { ...half, tag: b }, { ...half, tag: "latest" }, tag(c, "1")];
  const { decisions, deleted } = judge([repository({ tags })], [{ commit: a, reason: "pinned" }]);
  expect(decisions).toMatchObject({
    a: "keep: pinned, half written: it names nothing",
    b: "delete: half written: it names nothing",
    c: gone,
    l: "left alone: the tag is no commit",
  });
  expect(deleted).toEqual(["1", "2"]);
});

test("every reason is named once", () => {
  const uses = ["live", "pinned", "live"].map((reason) => ({ commit: a, digest: digest("1"), reason }));
  expect(judge([repository()], uses).decisions.a).toBe("keep: live, pinned");
});

test("what was pushed a short while ago is kept, and goes when it is older", () => {
  const young = repository({ tags: [tag(a, "1", now - hour), tag(b, "2")] });
  expect(judge([young]).decisions).toEqual({ a: "keep: pushed a short while ago", b: gone });
  expect(judge([young], [], { youngerThan: now }).decisions.a).toBe(gone);
});

test("a tag that is no commit is left alone with what it names, and so is another tag of the same manifest", () => {
  const tags = [tag("latest", "1"), tag(a, "1"), tag(b, "2")];
  expect(judge([repository({ tags })])).toEqual({
    decisions: { l: "left alone: the tag is no commit", a: "keep: same manifest as latest", b: gone },
    deleted: ["2"],
  });
});

test("a manifest of several tags goes only when all of them go", () => {
  const shared = repository({ tags: [tag(a, "1"), tag(b, "1"), tag(c, "2")] });
  expect(judge([shared], [{ commit: a, reason: "live" }])).toEqual({
    decisions: { a: "keep: live", b: `keep: same manifest as ${a}`, c: gone },
    deleted: ["2"],
  });
  expect(judge([shared])).toEqual({ decisions: { a: gone, b: gone, c: gone }, deleted: ["1", "2"] });
});

test("an index keeps its children, and takes them along", () => {
  const index = manifest("1", { children: [digest("3")], references: [digest("3")] });
  const indexed = repository({ manifests: [index, manifest("2"), manifest("3")] });
  expect(judge([indexed], [{ commit: a, reason: "live" }]).deleted).toEqual(["2"]);
  expect(judge([indexed], [{ commit: b, reason: "live" }]).deleted).toEqual(["1", "3"]);
  expect(judge([indexed], [{ digest: digest("3"), reason: "live" }]).deleted).toEqual(["1", "2"]);
});

test("a manifest without a tag goes, unless a digest names it or it is young", () => {
  const untagged = (more: Partial<StoredManifest> = {}) =>
    repository({ manifests: [manifest("1"), manifest("2"), manifest("9", more)] });
  expect(judge([untagged()])).toMatchObject({ decisions: { 9: "delete: no tag" }, deleted: ["1", "2", "9"] });
  const pinned = judge([untagged()], [{ digest: digest("9"), reason: "pinned" }]);
  expect(pinned).toMatchObject({ decisions: { 9: "keep: pinned" }, deleted: ["1", "2"] });
  expect(judge([untagged({ pushedAt: now })]).deleted).toEqual(["1", "2"]);
});

test("a tag whose manifest is gone goes too, unless something needs its commit", () => {
  const dangling = repository({ manifests: [manifest("2")] });
  expect(judge([dangling])).toEqual({ decisions: { a: gone, b: gone }, deleted: ["2"] });
  expect(judge([dangling], [{ commit: a, reason: "pinned" }]).decisions.a).toBe("keep: pinned");
});

test("a repository that CI.json does not build is left alone", () => {
  const alone = "left alone: not a repository of a build entry of CI.json";
  expect(judge([repository({ name: "mirror/postgres" })])).toEqual({
    decisions: { a: alone, b: alone },
    deleted: [],
  });
});

test("frees the blobs that no manifest that stays names, in whichever repository", () => {
  const [own, shared, other, orphan] = ["d", "e", "f", "8"].map(digest) as [string, string, string, string];
  const frontend = repository({
    manifests: [manifest("1", { references: [own, shared] }), manifest("2", { references: [own, other] })],
  });
  const mirror = repository({ name: "mirror/x", tags: [], manifests: [manifest("5", { references: [shared] })] });
  const sizes = [
    ["1", 1],
    ["2", 2],
    ["5", 4],
    [own, 10],
    [shared, 20],
    [other, 40],
    [orphan, 80],
  ] as const;
  const blobs = new Map(sizes.map(([name, size]) => [name.startsWith("sha256:") ? name : digest(name), size]));
  const storage = { ...storageOf(frontend, mirror), blobs };
  const goes = (...names: string[]) => names.map((name) => ({ repository: "unidesk/frontend", digest: digest(name) }));

  const both = freedBytes(storage, goes("1", "2"));
  expect(both).toMatchObject({ total: 1 + 2 + 10 + 40 + 80, unreferenced: 80, blobs: 5 });
  expect(both.alone).toEqual(
    new Map([
      [`unidesk/frontend@${digest("1")}`, 1],
      [`unidesk/frontend@${digest("2")}`, 42],
    ]),
  );
  expect(freedBytes(storage, goes("1"))).toMatchObject({ total: 1 + 80, unreferenced: 80, blobs: 2 });
});
