import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { compare } from "../../lib/prune/apply.ts";
import { listingFunction, parseStorage, type RegistryStorage, storageLookScript } from "../../lib/prune/storage.ts";
import { bash, commitA, commitB, failureOf, tempFolder, write } from "../support.ts";

const tree = "docker/registry/v2";
const hex = (content: string) => createHash("sha256").update(content).digest("hex");
const layer = `sha256:${"a".repeat(64)}`;
const config = `sha256:${"b".repeat(64)}`;
const image = JSON.stringify({ schemaVersion: 2, config: { digest: config }, layers: [{ digest: layer }] }, null, 3);
const index = JSON.stringify({ schemaVersion: 2, manifests: [{ digest: `sha256:${hex(image)}` }] });

/** A storage with one image, an index of it, and a record of its publishing. */
function lay(names: readonly string[] = [image, index]) {
  const root = tempFolder();
  const records = tempFolder();
  for (const content of names) {
    write(root, `${tree}/blobs/sha256/${hex(content).slice(0, 2)}/${hex(content)}/data`, content);
  }
  const repository = `${tree}/repositories/unidesk/frontend/_manifests`;
  for (const content of [image, index]) {
    write(root, `${repository}/revisions/sha256/${hex(content)}/link`, `sha256:${hex(content)}`);
  }
  write(root, `${repository}/tags/${commitA}/current/link`, `sha256:${hex(index)}`);
  write(root, `${repository}/tags/${commitA}/index/sha256/${hex(image)}/link`, `sha256:${hex(image)}`);
  write(root, `${repository}/tags/${commitB}-x/current/link`, `sha256:${hex(image)}`);
  write(records, `frontend/${commitA}.json`, "{}");
  return { root, records };
}

function look({ root, records }: { root: string; records: string }): RegistryStorage {
  const { exitCode, stdout, stderr } = bash(storageLookScript, [root, records]);
  expect(exitCode, stderr).toBe(0);
  return parseStorage(gunzipSync(Buffer.from(stdout.toString(), "base64")).toString(), "d601");
}

test("reads tags, manifests, what they name, and what blobs weigh", () => {
  const place = lay();
  bash('touch -d @1000000000 "$1"/docker/registry/v2/repositories/unidesk/frontend/_manifests/tags/*/current/link', [
    place.root,
  ]);
  const { repositories, blobs, lookedAt } = look(place);
  expect(Math.abs(lookedAt - Date.now())).toBeLessThan(60_000);
  expect(blobs).toEqual(
    new Map([
      [`sha256:${hex(image)}`, image.length],
      [`sha256:${hex(index)}`, index.length],
    ]),
  );
  const [frontend] = repositories;
  expect(repositories).toHaveLength(1);
  expect(frontend).toMatchObject({
    name: "unidesk/frontend",
    tags: [
      { tag: commitA, digest: `sha256:${hex(index)}` },
      { tag: `${commitB}-x`, digest: `sha256:${hex(image)}`, pushedAt: 1_000_000_000_000 },
    ],
  });
  // A record that is younger says that it was published again.
  expect(frontend?.tags[0]?.pushedAt).toBeGreaterThan(1_000_000_000_000);
  expect(frontend?.manifests.find(({ digest }) => digest === `sha256:${hex(image)}`)).toMatchObject({
    references: [config, layer],
    children: [],
  });
  expect(frontend?.manifests.find(({ digest }) => digest === `sha256:${hex(index)}`)).toMatchObject({
    children: [`sha256:${hex(image)}`],
  });
});

test("the job on the host recognises the listing, and a tag that was added", () => {
  const place = lay();
  const folder = `${place.root}/${tree}/repositories/unidesk/frontend`;
  const onHost = () =>
    bash(`${listingFunction}\ncd "$1"; listing | sha256sum | cut -d' ' -f1`, [folder]).stdout.toString();
  const listing = look(place).repositories[0]?.listing;
  expect(onHost().trim()).toBe(listing);
  write(folder, `_manifests/tags/${commitB}/current/link`, `sha256:${hex(image)}`);
  expect(onHost().trim()).not.toBe(listing);
});

test("a tag that a killed registry left half written is listed alike here and on the host", () => {
  const place = lay();
  const folder = `${place.root}/${tree}/repositories/unidesk/frontend`;
  const onHost = () =>
    bash(`${listingFunction}\ncd "$1"; listing | sha256sum | cut -d' ' -f1`, [folder]).stdout.toString().trim();
  write(folder, `_manifests/tags/${commitB}/current/link`, "");
  const [frontend] = look(place).repositories;
  expect(frontend?.tags.find(({ tag }) => tag === commitB)?.digest).toBe("");
  expect(onHost()).toBe(frontend?.listing);
  write(folder, `_manifests/tags/${commitB}/current/link`, `sha256:${hex(image)}`);
  expect(onHost()).not.toBe(frontend?.listing);
});

test.each(["", "sha256:", `sha256:${"c".repeat(64)}`])("fails if a manifest's link says %j", (content) => {
  const place = lay();
  const link = `unidesk/frontend/_manifests/revisions/sha256/${hex(image)}/link`;
  write(place.root, `${tree}/repositories/${link}`, content);
  const error = failureOf(() => look(place));
  expect(error.message).toContain("the registry's storage is damaged: it has a link of a manifest that does not name");
  expect(error.message).toContain(`found:   ${link}\n`);
  expect(error.message).toContain("below _manifests/revisions");
});

test("a registry to which nothing was pushed holds nothing, and a look changes nothing", () => {
  const root = tempFolder();
  expect(look({ root, records: `${root}/none` })).toMatchObject({ repositories: [], blobs: new Map() });
  write(root, `${tree}/keep`, "");
  expect(look({ root, records: `${root}/none` })).toMatchObject({ repositories: [], blobs: new Map() });
  expect(readdirSync(join(root, tree))).toEqual(["keep"]);
  expect(bash(storageLookScript, [`${root}/none`, root]).exitCode).toBe(1);
});

test("fails if an upload that ends meanwhile ends the look", () => {
  const place = lay();
  write(place.root, `${tree}/repositories/unidesk/frontend/_uploads/1/_manifests/tags/x/current/link`, "");
  const [{ tags = [] } = {}] = look(place).repositories;
  expect(tags).toHaveLength(2);
  expect(look(place).repositories).toHaveLength(1);
});

test.each([
  ["is not there", [index]],
  ["cannot be read", [index, "{"]],
])("fails if a manifest %s", (what, contents) => {
  const place = lay(contents.filter((content) => content !== "{"));
  if (contents.includes("{")) {
    write(place.root, `${tree}/blobs/sha256/${hex(image).slice(0, 2)}/${hex(image)}/data`, "{");
  }
  const error = failureOf(() => look(place));
  expect(error.message).toContain(`the registry's storage is damaged: it names a manifest that ${what}`);
  expect(error.message).toContain(`unidesk/frontend@sha256:${hex(image)}`);
});

test("fails if the output ends early", () => {
  expect(failureOf(() => parseStorage("@now\n1\n@times\n", "d601")).message).toContain("the output ends early");
});

test("after a prune: fails if something that stays lost a blob, or something that goes is there", () => {
  const before = look(lay());
  const plan = (goes: readonly string[]) => ({
    ...{ storage: before, artifacts: [], warnings: [] },
    manifests: goes.map((digest) => ({ repository: "unidesk/frontend", digest })),
    freed: { total: 0, unreferenced: 0, blobs: 0, alone: new Map() },
  });
  const without = (content: string) =>
    ({
      ...before,
      blobs: new Map([...before.blobs].filter(([digest]) => digest !== `sha256:${hex(content)}`)),
    }) as const;
  expect(compare(plan([]), before)).toEqual({ freedBytes: 0, blobs: 0 });
  expect(failureOf(() => compare(plan([]), without(image))).message).toContain("lost");
  const goes = plan([`sha256:${hex(index)}`]);
  const left = (more: number) => ({
    ...before,
    repositories: before.repositories.map((one) => ({
      ...one,
      manifests: one.manifests.map((manifest) => ({ ...manifest, pushedAt: before.lookedAt + more })),
    })),
  });
  expect(failureOf(() => compare(goes, left(-1))).message).toContain("is still there");
  // Pushed again as soon as the registry was writable.
  expect(compare(goes, left(1))).toEqual({ freedBytes: 0, blobs: 0 });
});
