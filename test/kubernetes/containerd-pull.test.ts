import { expect, test } from "vitest";
import { managedFunction, managedSeconds, missingBlobs, parsePulled } from "../../lib/kubernetes/containerd-pull.ts";
import type { Artifact } from "../../lib/registry/client.ts";
import { bash } from "../support.ts";

/** The label comes with the `known`th look; a second is none here. */
function waitFor(known: number) {
  const script = `
name=127.0.0.1:5000/unidesk/web:1
sleep() { SECONDS=$((SECONDS + 1)); }
looked=$(mktemp)
ctr_answer() { echo x >> "$looked"; [ "$(wc -l < "$looked")" -lt ${known} ] || echo "$name io.cri-containerd.image=managed"; }
${managedFunction}
managed`;
  return bash(script);
}

test("a delivery waits until what runs pods knows the image", () => {
  expect(waitFor(1)).toMatchObject({ exitCode: 0, stderr: "" });
  expect(waitFor(10)).toMatchObject({ exitCode: 0, stderr: "" });
});

test("fails if it does not know it in time, and says so", () => {
  const { exitCode, stderr } = waitFor(99);
  expect(exitCode).toBe(1);
  expect(stderr).toContain(
    `containerd has 127.0.0.1:5000/unidesk/web:1, but its side for pods (CRI) does not know it after ${managedSeconds} s`,
  );
});

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const artifact = {
  ...{ digest: digest("1"), manifestDigest: digest("1"), configDigest: digest("2") },
  metadata: [
    { digest: digest("1"), size: 10 },
    { digest: digest("2"), size: 20 },
  ],
  layers: [
    { digest: digest("a"), size: 1000 },
    { digest: digest("b"), size: 200 },
  ],
} as unknown as Artifact;

test.each([
  ["everything of an empty store", "", { missing: "ab", metadataBytes: 30, bytes: 1230 }],
  ["not the layers that another image brought", "ab", { missing: "", metadataBytes: 30, bytes: 30 }],
  ["what is not there of the metadata", "1ab", { missing: "", metadataBytes: 20, bytes: 20 }],
  ["nothing of an image that has lost its name alone", "12ab", { missing: "", metadataBytes: 0, bytes: 0 }],
])("missing is %s", (_, has, expected) => {
  const found = missingBlobs(artifact, { blobs: new Set([...has].map(digest)) });
  const missing = found.missing.map((layer) => layer.digest.at(-1)).join("");
  expect({ ...found, missing }).toEqual({ total: 2, exact: true, ...expected });
});

test("of what the store has and had not before, the artifact's own blobs count", () => {
  const output = `pulled 17\n${digest("1")} 10\n${digest("2")} 20\n${digest("b")} 200\n${digest("f")} 5\n`;
  expect(parsePulled(output, artifact)).toEqual({
    began: "17",
    fetched: {
      blobs: [
        { digest: digest("1"), size: 10 },
        { digest: digest("2"), size: 20 },
        { digest: digest("b"), size: 200 },
      ],
      metadataBytes: 0,
    },
  });
});

test("nothing new was fetched where another image brought it", () =>
  expect(parsePulled("pulled 17\n", artifact).fetched).toEqual({ blobs: [], metadataBytes: 0 }));

test.each([
  ["fails if the store does not say what it has", "pulled\n"],
  ["fails if a line is not of a blob", `pulled 17\n${digest("b")} 200 kB\n`],
  ["fails if nothing is said", ""],
])("%s", (_, output) => expect(parsePulled(output, artifact).fetched).toBeUndefined());
