import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Fetched, measureFetched } from "../../lib/delivery/measured.ts";
import { hostPaths } from "../../lib/host-paths.ts";
import { digestA, digestB, localHost } from "../support.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "unidesk-measured-"));
});
afterEach(() => rmSync(home, { recursive: true }));

const both: Fetched = {
  blobs: [
    { digest: digestA, size: 1000 },
    { digest: digestB, size: 300 },
  ],
  metadataBytes: 7,
};
const now = () => String(BigInt(Date.now()) * 1_000_000n);
const claimsFile = () => `${hostPaths({ home }).locks}/fetched-docker`;

async function measure(fetched: Fetched | undefined, began = now(), expectedBytes = 1307) {
  const said: string[] = [];
  const measurement = { host: localHost(home), store: "docker", began, fetched, expectedBytes } as const;
  const bytes = await measureFetched(measurement, (line) => said.push(line));
  return { bytes, said };
}

describe("bytes are the sizes of what was fetched", () => {
  test("with manifest and configuration; what is as expected needs no words", async () =>
    expect(await measure(both)).toEqual({ bytes: 1307, said: [] }));

  test("what is not as expected is said", async () =>
    expect(await measure(both, now(), 4_000_000)).toEqual({
      bytes: 1307,
      said: ["fetched 1.3 kB; 4.0 MB were expected"],
    }));

  test("nothing fetched costs nothing", async () =>
    expect((await measure({ blobs: [], metadataBytes: 0 }, now(), 0)).bytes).toBe(0));
});

describe("a layer that two pulls waited for", () => {
  test("counts for the one that ended first", async () => {
    const began = now();
    expect((await measure({ blobs: both.blobs.slice(0, 1), metadataBytes: 7 }, began)).bytes).toBe(1007);
    expect((await measure(both, began)).bytes).toBe(307);
    expect((await measure(both, began)).bytes).toBe(7);
  });

  test("counts again for a pull that began later", async () => {
    expect((await measure(both)).bytes).toBe(1307);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await measure(both)).bytes).toBe(1307);
  });

  test("claims that are old or unreadable go away", async () => {
    await measure(both);
    writeFileSync(claimsFile(), `${digestA} 1\n${digestB} x\n\n09 09\n${"z".repeat(40)}`);
    expect((await measure({ ...both, blobs: both.blobs.slice(0, 1) })).bytes).toBe(1007);
    expect(readFileSync(claimsFile(), "utf8")).toMatch(new RegExp(`^${digestA} \\d{19}\n$`));
  });
});

describe("unknown stays unknown", () => {
  test("fails if the store did not say what it fetched", async () =>
    expect(await measure(undefined)).toEqual({
      bytes: undefined,
      said: ["how much was fetched is unknown: docker did not say it of every layer"],
    }));

  test("fails if nobody can see what other pulls brought", async () => {
    writeFileSync(join(home, ".unidesk"), "");
    const { bytes, said } = await measure(both);
    expect(bytes).toBeUndefined();
    expect(said.join("\n")).toContain("how much was fetched is unknown: d601: could not see which layers");
  });
});
