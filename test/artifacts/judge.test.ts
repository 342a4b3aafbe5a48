import { describe, expect, test } from "vitest";
import { judgeTag, usesOf } from "../../lib/artifacts/judge.ts";
import { isLoopback } from "../../lib/artifacts/mirror.ts";
import { ageOf } from "../../lib/cli/artifact-list.ts";
import { findUpstream, readCiFile } from "../../lib/config/ci-file.ts";
import { loadPins } from "../../lib/config/site.ts";
import { buildEntry, commitA, commitB, digestA, digestB, siteOfPins, tempFolder, write } from "../support.ts";

const frontend = buildEntry("frontend");
const labels = { "org.opencontainers.image.revision": commitA, "dev.unidesk.service": "frontend" };
const image = { digest: digestA, labels };

describe("a tag of a build", () => {
  test("is right if its labels name its commit and service", () => {
    expect(judgeTag(frontend, commitA, image, [], "here")).toEqual({ ok: true, reasons: [] });
  });

  test("is right if pins ask for it with its digest or with none", () => {
    const uses = [
      { environment: "prod", digest: digestA },
      { environment: "dev", digest: null },
    ];
    expect(judgeTag(frontend, commitA, image, uses, "here").ok).toBe(true);
  });

  test.each([
    ["it is no commit", "latest", image, [], "tag"],
    ["it is an abbreviated commit", commitA.slice(0, 7), image, [], "tag"],
    ["the image is another commit's", commitB, image, [], "image label org.opencontainers.image.revision"],
    ["the image has no labels", commitA, { ...image, labels: {} }, [], "image label org.opencontainers.image.revision"],
    ["a pin has another digest", commitA, image, [{ environment: "dev", digest: digestB }], "digest of the pin in dev"],
  ])("fails if %s", (_, tag, found, uses, what) => {
    const { ok, reasons } = judgeTag(frontend, tag, found, uses, "here");
    expect(ok).toBe(false);
    expect(reasons[0]).toMatchObject({ what, where: "here" });
  });
});

test("fails if CI.json does not know the repository", () => {
  expect(judgeTag(undefined, commitA, image, [], "here").reasons[0]?.what).toBe("entry of CI.json");
});

describe("a tag of a mirror", () => {
  const entry = {
    serviceId: "postgres",
    kind: "upstream-image",
    sourceRepo: "https://github.com/docker-library/postgres",
    upstream: "docker.io/library/postgres:16.4",
    digest: digestA,
    mirror: "127.0.0.1:5000/unidesk/mirror/postgres",
  };
  const postgres = findUpstream(
    readCiFile(write(tempFolder(), "CI.json", { version: 1, artifacts: [entry] })),
    "postgres",
  );
  const tag = `sha256-${"a".repeat(64)}`;

  test("is right if it and the image are CI.json's digest; labels are upstream's own", () => {
    expect(judgeTag(postgres, tag, { digest: digestA, labels: {} }, [], "here").ok).toBe(true);
  });

  test.each([
    ["it is a version", "16.4", digestA, "tag"],
    ["the image is another", tag, digestB, "mirror's digest"],
  ])("fails if %s", (_, name, digest, what) => {
    expect(judgeTag(postgres, name, { digest, labels: {} }, [], "here").reasons).toMatchObject([{ what }]);
  });
});

test("pins are found by service and commit", () => {
  const pins = loadPins(
    siteOfPins({
      prod: { frontend: { commit: commitA, digest: digestA } },
      dev: { frontend: { commit: commitA }, mdtodo: { commit: commitA } },
    }),
  );
  expect(usesOf(pins, "frontend", commitA)).toEqual([
    { environment: "prod", digest: digestA },
    { environment: "dev", digest: null },
  ]);
  expect(usesOf(pins, "frontend", commitB)).toEqual([]);
});

test.each([
  ["127.0.0.1:5001/x", true],
  ["127.1.2.3/x", true],
  ["localhost:5001/x", true],
  ["docker.io/library/postgres", false],
  ["127.0.0.1.example.org/x", false],
  ["localhost.example.org:5000/x", false],
  ["10.0.0.1:5000/x", false],
])("%s is loopback, where TLS may be left out: %s", (reference, expected) =>
  expect(isLoopback(reference)).toBe(expected),
);

test.each([
  [0, "now"],
  [59, "59m"],
  [60, "1h"],
  [47 * 60, "47h"],
  [48 * 60, "2d"],
])("%i minutes are %s", (minutes, text) => {
  expect(ageOf("2026-01-01T00:00:00Z", Date.parse("2026-01-01T00:00:00Z") + minutes * 60_000)).toBe(text);
});
test("a time that is none has no age", () => expect(ageOf("yesterday")).toBe("–"));
