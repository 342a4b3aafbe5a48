import { expect, test } from "vitest";
import type { Digest } from "../../lib/config/values.ts";
import { judgeArtifact } from "../../lib/verdicts/artifact.ts";
import { commitA, commitB, digestA, digestB } from "../support.ts";

const wanted = { service: "frontend", repository: "unidesk/frontend", commit: commitA };
const where = `d601 127.0.0.1:5000/unidesk/frontend:${commitA}`;
const artifact = {
  digest: digestA as Digest,
  configDigest: digestB as Digest,
  manifestDigest: digestA as Digest,
  layers: [],
  diffIds: [],
  metadata: [],
  created: undefined,
  labels: { "org.opencontainers.image.revision": commitA, "dev.unidesk.service": "frontend" },
};
const judge = (changes: object, digest?: string) =>
  judgeArtifact(digest ? { ...wanted, digest } : wanted, { ...artifact, ...changes }, "d601 127.0.0.1:5000");

test("is ok when the tag is there with the right labels, and the pinned digest where there is one", () => {
  expect(judge({})).toEqual({ ok: true, reasons: [] });
  expect(judge({}, digestA)).toEqual({ ok: true, reasons: [] });
});

test("fails if there is no manifest", () => {
  expect(judgeArtifact(wanted, undefined, "d601 127.0.0.1:5000")).toEqual({
    ok: false,
    reasons: [{ what: "artifact", expected: "a manifest under the commit tag", found: "none", where }],
  });
});

test("fails if the digest is not the pin's", () => {
  expect(judge({}, digestB)).toEqual({
    ok: false,
    reasons: [{ what: "manifest digest", expected: digestB, found: digestA, where }],
  });
});

test.each([
  ["revision", "org.opencontainers.image.revision", commitA, commitB],
  ["service", "dev.unidesk.service", "frontend", "backend-core"],
])("fails if the label of its %s is wrong", (_, label, expected, found) => {
  expect(judge({ labels: { ...artifact.labels, [label]: found } })).toEqual({
    ok: false,
    reasons: [{ what: `image label ${label}`, expected, found, where }],
  });
});
