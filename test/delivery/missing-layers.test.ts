import { describe, expect, test } from "vitest";
import { unpackedBytes } from "../../lib/delivery/disk-gate.ts";
import { missingLayers, parseTargetLayers, renderMissing } from "../../lib/delivery/missing-layers.ts";
import type { Artifact } from "../../lib/registry/client.ts";

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;

/** An artifact of layers of 100 bytes whose unpacked digests are those letters. */
function artifactOf(letters: string, diffIds = [...letters].map(digest)): Artifact {
  const layers = [...letters].map((letter) => ({ digest: digest(letter.toUpperCase()), size: 100 }));
  const ids = { digest: digest("1"), configDigest: digest("2"), manifestDigest: digest("1") };
  const metadata = [
    { digest: ids.digest, size: 3 },
    { digest: ids.configDigest, size: 4 },
  ];
  return { ...ids, layers, diffIds, metadata, labels: {} } as unknown as Artifact;
}
const missing = (letters: string, ...images: string[]) =>
  missingLayers(artifactOf(letters), { exact: true, images: images.map((image) => [...image].map(digest)) });
const lettersOf = (found: ReturnType<typeof missing>) =>
  found.missing.map((layer) => layer.digest.charAt(7).toLowerCase()).join("");

test.each([
  ["an empty target", [], "abc"],
  ["an image with the same beginning", ["abx"], "c"],
  ["the longest of several beginnings", ["a", "abx", "x"], "c"],
  ["the same layers", ["abc"], ""],
  ["a longer image", ["abcd"], ""],
  ["the same layers on another base", ["xabc", "bc"], "abc"],
  ["an image without layers", [""], "abc"],
])("with %s", (_, images, expected) => {
  const found = missing("abc", ...images);
  expect(lettersOf(found)).toBe(expected);
  expect(found).toMatchObject({ total: 3, bytes: 100 * expected.length + 7, exact: true });
});

test("a layer is named together with all below it", () => {
  const [first, second] = missing("ab").missing;
  expect(first?.chain).toBe(digest("a"));
  expect(second?.chain).toBe(`${digest("a")} ${digest("b")}`);
});

test("where the configuration does not say the unpacked layers, all count as missing, and it is an estimate", () => {
  const found = missingLayers(artifactOf("ab", []), { exact: true, images: [[digest("a")]] });
  expect(found).toMatchObject({ total: 2, exact: false });
  expect(lettersOf(found)).toBe("ab");
});

test("is said in one line", () => {
  expect(renderMissing(missing("abc", "ab"))).toBe("1 of 3 layers missing, 107 B");
  expect(renderMissing({ ...missing("abc"), exact: false })).toBe(
    "about 3 of 3 layers missing, 307 B (Docker does not say it exactly)",
  );
});

describe("what a target answers", () => {
  const info = (status: unknown) => `/var/lib/docker\n${JSON.stringify(status)}`;
  const classic = [["Backing Filesystem", "extfs"]];

  test("the classic image store", () => {
    const output = `${info(classic)}\n  1234 65024\n["${digest("a")}"]\nnull\n`;
    expect(parseTargetLayers(output)).toEqual({
      disk: { path: "/var/lib/docker", freeBytes: 1234, fileSystem: "65024" },
      exact: true,
      images: [[digest("a")], []],
    });
  });

  test("the containerd image store is an estimate", () => {
    const status = [["driver-type", "io.containerd.snapshotter.v1"]];
    expect(parseTargetLayers(`${info(status)}\n1\n`)).toMatchObject({ exact: false, images: [] });
  });

  test("fails if df says no number", () => expect(() => parseTargetLayers(`${info(classic)}\nAvail\n`)).toThrow());
});

describe("the unpacked size of a layer", () => {
  test("is its trailer's", () => expect(unpackedBytes({ size: 100 }, 250)).toBe(250));
  test("of random bytes may be a little smaller", () => expect(unpackedBytes({ size: 1000 }, 995)).toBe(995));
  test("is an estimate if there is no trailer", () => expect(unpackedBytes({ size: 100 }, undefined)).toBe(300));
  test("is an estimate if the trailer is of a part, or counts modulo 4 GiB", () =>
    expect(unpackedBytes({ size: 100 }, 12)).toBe(300));
});
