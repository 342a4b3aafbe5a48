import { afterAll, beforeAll, expect, test } from "vitest";
import { labCommits, labExec } from "../../lab/index.ts";
import type { ArtifactDetails } from "../../lib/artifacts/details.ts";
import type { ListedTag } from "../../lib/artifacts/inventory.ts";
import { hostPaths } from "../../lib/host-paths.ts";
import { forgetTag, home, lines, pushByHand, withRegistryStopped } from "../lab-support.ts";
import { tempFolder, write } from "../support.ts";
import { cli, digestIn, restartRegistry, storage, useRegistrySite } from "./support.ts";

const site = useRegistrySite();
/** Frontend has one artifact of each kind; the second commit is pinned in both environments. */
const { first, second, third, unreleased } = labCommits.unidesk;
const gone = "ab".repeat(20);
const broken = "cd".repeat(20);
const unknown = "not-in-the-catalog";
const tagsFolder = `${storage}/repositories/unidesk/frontend/_manifests/tags`;
let digest = "";

beforeAll(async () => {
  // Other files' tags would be listed too; whoever needs one publishes it again.
  const records = `${hostPaths({ home }).artifacts}/frontend`;
  const others = `-mindepth 1 -maxdepth 1 ! -name '${first}*' ! -name '${second}*' -exec rm -rf {} +`;
  await labExec("d601", `for folder in ${tagsFolder} ${records}; do [ ! -d $folder ] || find $folder ${others}; done`);
  for (const commit of [first, second]) await site.publish("frontend", commit);
  digest = await digestIn("unidesk/frontend", second);
  const labels = { "org.opencontainers.image.revision": third, "dev.unidesk.service": "mdtodo" };
  await pushByHand("frontend", third, first, labels);
  await pushByHand("frontend", "v1.0", first, {});
  await pushByHand("frontend", broken, first, { broken: "yes" });
  // A manifest whose configuration is gone, a tag whose manifest is gone, and a tag that is half written.
  await labExec(
    "d601",
    `cd ${tagsFolder}
    manifest=$(sed s/sha256:// ${broken}/current/link)
    config=$(jq -r .config.digest ${storage}/blobs/sha256/$(printf %.2s $manifest)/$manifest/data | sed s/sha256://)
    rm -rf ${storage}/blobs/sha256/$(printf %.2s $config)/$config
    mkdir -p ${gone}/current ${unreleased}/current
    printf sha256:%064d 0 > ${gone}/current/link
    : > ${unreleased}/current/link
    mkdir -p ${storage}/repositories/unidesk/${unknown}
    cp -r ${storage}/repositories/unidesk/frontend/. ${storage}/repositories/unidesk/${unknown}/
    cd ${storage}/repositories/unidesk/${unknown}/_manifests/tags && find . -mindepth 1 -maxdepth 1 ! -name ${first} -exec rm -rf {} +`,
  );
  await restartRegistry();
});

afterAll(async () => {
  for (const tag of [third, "v1.0", broken, gone, unreleased]) await forgetTag("frontend", tag);
  await labExec("d601", `rm -rf ${storage}/repositories/unidesk/${unknown}`);
  await restartRegistry();
});

async function list(...args: string[]): Promise<ListedTag[]> {
  const { exitCode, stdout } = await cli(site, ["artifact", "list", ...args, "--json"]);
  expect(exitCode).toBe(0);
  return (JSON.parse(stdout) as { artifacts: ListedTag[] }).artifacts;
}
const show = (...args: string[]) => cli(site, ["artifact", "show", ...args]);
const detailsOf = async (reference: string) =>
  JSON.parse((await show("frontend", reference, "--json")).stdout) as ArtifactDetails;

test("every tag is listed with what speaks for and against it; broken ones stop nothing", async () => {
  const listed = new Map((await list("--service", "frontend")).map((entry) => [entry.tag, entry]));
  expect([...listed.keys()].sort()).toEqual([first, second, third, unreleased, gone, broken, "v1.0"].sort());
  expect(listed.get(second)).toEqual({
    serviceId: "frontend",
    kind: "build",
    imageRef: "127.0.0.1:5000/unidesk/frontend",
    tag: second,
    digest,
    bytes: expect.any(Number),
    created: expect.stringMatching(/^\d{4}-/),
    deployable: true,
    verdict: { ok: true, reasons: [] },
    pins: [
      { environment: "prod", digest: null },
      { environment: "dev", digest: null },
    ],
  });
  expect(listed.get(first)).toMatchObject({ deployable: true, pins: [] });
  const reasonOf = (tag: string) => listed.get(tag)?.verdict.reasons[0];
  expect(reasonOf(third)).toMatchObject({ what: "image label dev.unidesk.service", found: "mdtodo" });
  expect(reasonOf("v1.0")).toMatchObject({ what: "tag", found: "v1.0" });
  expect(reasonOf(gone)).toMatchObject({ what: "artifact", found: "the manifest is gone" });
  expect(reasonOf(broken)?.found).toContain("the registry answered 404 to GET");
  expect(reasonOf(unreleased)?.found).toContain("the registry answered 500 to GET");
  for (const tag of [third, "v1.0", gone, broken, unreleased]) expect(listed.get(tag)?.deployable, tag).toBe(false);
});

test("a pin by another digest is told", async () => {
  const pinned = { commit: second, digest: `sha256:${"0".repeat(64)}` };
  const file = write(tempFolder(), "deploy.json", { version: 1, environments: { prod: { frontend: pinned } } });
  const env = { UNIDESK_DEPLOY_FILE: file };
  const { stdout } = await cli(site, ["artifact", "list", "--service", "frontend", "--json"], env);
  const entry = (JSON.parse(stdout) as { artifacts: ListedTag[] }).artifacts.find(({ tag }) => tag === second);
  expect(entry).toMatchObject({ pins: [{ environment: "prod", digest: pinned.digest }], deployable: false });
  expect(entry?.verdict.reasons[0]).toMatchObject({ what: "digest of the pin in prod", expected: pinned.digest });
});

test("without --service all repositories are listed, also those that CI.json does not name", async () => {
  const listed = await list();
  const serviceId = `unidesk/${unknown}`;
  const found = listed.filter((one) => one.serviceId === serviceId);
  expect(found).toMatchObject([{ kind: "unknown", tag: first, deployable: false }]);
});

test("for people: a line a tag, within 80 columns", async () => {
  const { stdout } = await cli(site, ["artifact", "list", "--service", "frontend"]);
  const text = lines(stdout).map((line) => line.trimEnd());
  expect(
    text.every((line) => line.length <= 80),
    stdout,
  ).toBe(true);
  expect(stdout).toMatch(
    new RegExp(`^${second.slice(0, 14)}… +${digest.slice(7, 19)} +15\\.\\d MB +\\S+ +ok +pinned: prod, dev$`, "m"),
  );
  expect(stdout).toMatch(/^v1\.0 .* no +tag: v1\.0; not/m);
});

test.each([
  ["its commit", () => second],
  ["its digest", () => digest],
  ["the beginning of its commit", () => second.slice(0, 7)],
  ["the beginning of its digest", () => digest.slice(7, 19)],
])("an artifact is shown by %s", async (_, reference) => {
  expect(await detailsOf(reference())).toMatchObject({
    serviceId: "frontend",
    tags: [second],
    digest,
    labels: { "dev.unidesk.service": "frontend", "org.opencontainers.image.revision": second },
    verdict: { ok: true },
    record: { agrees: true, digest, path: `${hostPaths({ home }).artifacts}/frontend/${second}.json` },
    pins: [{ environment: "prod" }, { environment: "dev" }],
  });
});

test("an image with other labels is shown with its verdict, and without a record", async () => {
  const details = await detailsOf(third);
  expect(details).toMatchObject({ verdict: { ok: false }, record: null });
  const { exitCode, stdout } = await show("frontend", third);
  expect(exitCode).toBe(0);
  expect(stdout).toContain("image label dev.unidesk.service: expected frontend, found mdtodo");
});

test.each([
  ["a commit that is not there", "12".repeat(20)],
  ["a digest that is not there", `sha256:${"1".repeat(64)}`],
  ["a tag whose manifest is gone", gone],
])("fails to show %s", async (_, reference) => {
  const { exitCode, output } = await show("frontend", reference);
  expect(exitCode).toBe(1);
  expect(output).toMatch(/^127\.0\.0\.1:5000\/unidesk\/frontend: the registry has no such artifact\n {2}found: {3}/);
});

test("fails if the service is unknown: usage", async () => {
  expect((await show("frontned", first)).exitCode).toBe(2);
  expect((await cli(site, ["artifact", "list", "--service", "frontned"])).exitCode).toBe(2);
});

test("fails while the registry is stopped: infra-blocked", async () => {
  await withRegistryStopped(async () => {
    for (const args of [["list"], ["show", "frontend", first], ["mirror", "--service", "postgres"]]) {
      expect((await cli(site, ["artifact", ...args])).exitCode, args.join(" ")).toBe(3);
    }
  });
});
