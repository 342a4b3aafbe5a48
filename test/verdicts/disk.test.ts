import { expect, test } from "vitest";
import { diskMarginBytes, formatBytes, judgeDisk, type MissingLayer, neededBytes } from "../../lib/verdicts/disk.ts";
import { renderReasons } from "../../lib/verdicts/verdict.ts";

const layer = (chain: string, compressedBytes: number, unpackedBytes: number): MissingLayer => ({
  chain,
  compressedBytes,
  unpackedBytes,
});
const layers = [layer("a", 10_000_000, 30_000_000), layer("a b", 1_000_000, 2_000_000)];
const judge = (freeBytes: number, missing = layers) =>
  judgeDisk({ path: "/var/lib/docker", freeBytes }, missing, "main-server");

test("every missing layer counts compressed and unpacked, and a margin stays free", () =>
  expect(neededBytes(layers)).toBe(43_000_000 + diskMarginBytes));

test("a layer that images share counts once; nothing missing needs nothing", () => {
  expect(neededBytes([...layers, ...layers])).toBe(neededBytes(layers));
  expect(neededBytes([])).toBe(0);
});

test("is ok where it just fits, and on a full disk where nothing is missing", () => {
  expect(judge(neededBytes(layers))).toEqual({ ok: true, reasons: [] });
  expect(judge(0, [])).toEqual({ ok: true, reasons: [] });
});

test("fails if one byte is missing, with what is free and what is needed", () => {
  const { ok, reasons } = judge(neededBytes(layers) - 1);
  expect(ok).toBe(false);
  expect(renderReasons("frontend", reasons)).toBe(
    "frontend: disk space for images: expected 110.1 MB free, found 110.1 MB (looked at main-server /var/lib/docker)",
  );
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 kB"],
  [999_949, "999.9 kB"],
  [999_960, "1.0 MB"],
  [4_200_000, "4.2 MB"],
  [12_300_000_000, "12.3 GB"],
  [5e15, "5000.0 TB"],
])("%i bytes are %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));
