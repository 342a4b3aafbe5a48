import { expect, test } from "vitest";
import { artifactDetails } from "../../lib/artifacts/details.ts";
import type { Pin } from "../../lib/config/deploy-file.ts";
import { imageLabels } from "../../lib/labels.ts";
import type { Artifact, RegistryClient } from "../../lib/registry/client.ts";
import { commitA, commitB, digestA, digestB, hostsJson, rejectionOf, siteOf, tempFolder } from "../support.ts";

const d601 = { ...hostsJson().d601, connection: "local", home: tempFolder() };
const site = siteOf({ hosts: { ...hostsJson(), d601 } });
const pins = [{ service: "frontend", environment: "prod", commit: commitA }] as unknown as Pin[];

/** A registry with these digests under its tags, each with a label of `revision`; and what it was asked for. */
function registryWith(tags: Readonly<Record<string, string>>, revision: string) {
  const asked: string[] = [];
  const labels = { [imageLabels.revision]: revision, [imageLabels.service]: "frontend" };
  const digestOf = (reference: string) => tags[reference] ?? Object.values(tags).find((digest) => digest === reference);
  const artifactOf = (digest: string) =>
    ({ digest, labels, layers: [], metadata: [], diffIds: [] }) as unknown as Artifact;
  const client = {
    artifact: async (_: string, reference: string) => {
      asked.push(reference);
      const digest = digestOf(reference);
      return digest === undefined ? undefined : artifactOf(digest);
    },
    manifestDigest: async (_: string, reference: string) => digestOf(reference),
    tags: async () => {
      asked.push("all tags");
      return Object.keys(tags);
    },
    ping: async () => {},
  } as unknown as RegistryClient;
  return { asked, show: (reference: string) => artifactDetails(site, client, "frontend", reference, pins) };
}

test.each([
  ["commit", commitA],
  ["digest", digestA],
])("fails if other tags are read for a whole %s", async (_, reference) => {
  const { asked, show } = registryWith({ [commitA]: digestA, [commitB]: digestB }, commitA);
  expect(await show(reference)).toMatchObject({
    tags: [commitA],
    digest: digestA,
    verdict: { ok: true },
    pins: [{ environment: "prod", digest: null }],
  });
  expect(asked).toEqual([reference]);
});

test("a digest whose tag its labels do not name is looked for among all", async () => {
  const { asked, show } = registryWith({ "v1.0": digestA, [commitB]: digestB }, "v1.0");
  expect(await show(digestA)).toMatchObject({ tags: ["v1.0"], digest: digestA, verdict: { ok: false } });
  expect(asked).toContain("all tags");
});

test("fails if what is not there is shown without what there is", async () => {
  const { show } = registryWith({ [commitB]: digestB }, commitB);
  expect((await rejectionOf(show(commitA))).problem).toMatchObject({ found: commitA, allowed: commitB });
});

test("the beginning of a commit is looked for among all", async () => {
  const { show } = registryWith({ [commitA]: digestA, [commitB]: digestB }, commitA);
  expect(await show(commitA.slice(0, 7))).toMatchObject({ tags: [commitA], pins: [{ environment: "prod" }] });
});
