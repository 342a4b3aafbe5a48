import { describe, expect, test } from "vitest";
import {
  findBuild,
  findEntry,
  findUpstream,
  mirrorTag,
  readCiFile,
  repositoryOf,
  type UpstreamArtifact,
  upstreamByDigest,
} from "../../lib/config/ci-file.ts";
import { buildEntry, digestA, failureOf, tempFolder, write } from "../support.ts";

const frontend = buildEntry("frontend");
const upstream = {
  serviceId: "postgres",
  kind: "upstream-image",
  sourceRepo: "https://github.com/docker-library/postgres",
  upstream: "docker.io/library/postgres:16",
  digest: digestA,
  mirror: "127.0.0.1:5000/unidesk/mirror/postgres",
};
const read = (...artifacts: object[]) => readCiFile(write(tempFolder(), "CI.json", { version: 1, artifacts }));
const refusal = (...artifacts: object[]) => failureOf(() => read(...artifacts)).message;

test("a build and an upstream entry are read as they are", () => {
  expect(read(frontend, upstream)).toEqual({ version: 1, artifacts: [frontend, upstream] });
});

describe("upstream", () => {
  test.each([
    "docker.io/library/postgres",
    "docker.io/library/postgres:16.4-alpine3.20",
    "ghcr.io/a/b__c/d-e.f:v1",
    "127.0.0.1:5001/library/postgres:16",
    "localhost:5001/postgres",
    "registry.example:443/p",
  ])("may be %s", (name) => expect(read({ ...upstream, upstream: name }).artifacts).toHaveLength(1));

  test.each([
    ["names no registry", "postgres:16"],
    ["names no registry, with a folder", "library/postgres"],
    ["is a moving tag", "docker.io/library/postgres:latest"],
    ["has a digest of its own", `docker.io/library/postgres@${digestA}`],
    ["is our own registry", "127.0.0.1:5000/library/postgres"],
    ["is a URL", "https://docker.io/library/postgres"],
    ["has an upper-case name", "docker.io/library/Postgres"],
    ["has an empty part", "docker.io//postgres"],
    ["ends with a separator", "docker.io/library/postgres-"],
    ["has a blank", "docker.io/library/postgres 16"],
    ["looks like an option", "--all"],
    ["is empty", ""],
  ])("fails if it %s", (_, name) => {
    expect(refusal({ ...upstream, upstream: name })).toBe(
      `CI.json: artifacts.0.upstream: found ${JSON.stringify(name)}; must be "<host>/<name>" of another registry, with a version as its tag or none, such as docker.io/library/postgres:16.4; the digest stands in digest`,
    );
  });

  test("fails if it is longer than any registry takes", () => {
    expect(refusal({ ...upstream, upstream: `docker.io/${"a".repeat(250)}` })).toContain("artifacts.0.upstream: found");
  });
});

describe("mirror", () => {
  test.each(["127.0.0.1:5000/unidesk/mirror/postgres", "127.0.0.1:5000/mirror/library/postgres"])(
    "may be %s",
    (mirror) => expect(read({ ...upstream, mirror }).artifacts).toHaveLength(1),
  );

  test.each([
    ["is on another registry", "docker.io/unidesk/postgres"],
    ["is on another port", "127.0.0.1:5001/unidesk/mirror/postgres"],
    ["is open to a network", "0.0.0.0:5000/unidesk/mirror/postgres"],
    ["has a tag", "127.0.0.1:5000/unidesk/mirror/postgres:16"],
    ["is where an artifact lies", "127.0.0.1:5000/unidesk/postgres"],
    ["is no repository name", "127.0.0.1:5000/unidesk/mirror/Postgres"],
    ["leads outside", "127.0.0.1:5000/unidesk/mirror/../frontend"],
  ])("fails if it %s", (_, mirror) => {
    expect(refusal({ ...upstream, mirror })).toBe(
      `CI.json: artifacts.0.mirror: found "${mirror}"; must be a name under 127.0.0.1:5000/ without a tag, such as 127.0.0.1:5000/unidesk/mirror/postgres; unidesk/<service> is where artifacts lie`,
    );
  });

  test("fails if two entries have the same", () => {
    expect(refusal(upstream, { ...upstream, serviceId: "postgres-2" })).toBe(
      `CI.json: artifacts.1.mirror: found "${upstream.mirror}"; must be the mirror of one entry only`,
    );
  });
});

describe("an upstream entry", () => {
  const entry = findUpstream(read(frontend, upstream), "postgres");

  test("is copied by its digest, whatever its tag says, under a tag that says the digest", () => {
    expect(upstreamByDigest(entry)).toBe(`docker.io/library/postgres@${digestA}`);
    expect(upstreamByDigest({ ...entry, upstream: "127.0.0.1:5001/p" } as UpstreamArtifact)).toBe(
      `127.0.0.1:5001/p@${digestA}`,
    );
    expect(mirrorTag(entry)).toBe(`sha256-${"a".repeat(64)}`);
  });

  test("lies in the mirror's repository, a build in its service's", () => {
    const ci = read(frontend, upstream);
    expect(repositoryOf(entry)).toBe("unidesk/mirror/postgres");
    expect(repositoryOf(findEntry(ci, "frontend"))).toBe("unidesk/frontend");
  });

  test("fails to be found if there is none of that name, or if it is built", () => {
    const ci = read(frontend, upstream);
    expect(failureOf(() => findUpstream(ci, "frontend")).message).toBe(
      [
        "frontend is built from source: it is published, never mirrored",
        "  found:   frontend",
        "  allowed: postgres",
        "  remedy:  npx unidesk artifact publish",
      ].join("\n"),
    );
    for (const find of [findUpstream, findEntry]) {
      const { message, exitCode } = failureOf(() => find(ci, "redis"));
      expect(message.split("\n")[0]).toBe("CI.json has no entry for redis");
      expect(exitCode).toBe(2);
    }
  });
});

test("fails if a service is listed twice", () => {
  expect(refusal(frontend, { ...upstream, serviceId: "frontend" })).toBe(
    'CI.json: artifacts.1.serviceId: found "frontend"; must be listed once',
  );
});

test("fails if the imageRef is another service's", () => {
  expect(refusal({ ...frontend, imageRef: "127.0.0.1:5000/unidesk/backend-core" })).toBe(
    'CI.json: artifacts.0.imageRef: found "127.0.0.1:5000/unidesk/backend-core"; must be 127.0.0.1:5000/unidesk/frontend',
  );
});

test.each(["docker.io/unidesk/frontend", "127.0.0.1:5000/unidesk/frontend:latest", "0.0.0.0:5000/unidesk/frontend"])(
  "fails if the imageRef is %s",
  (imageRef) => {
    expect(refusal({ ...frontend, imageRef }).split("\n")[0]).toBe(
      `CI.json: artifacts.0.imageRef: found "${imageRef}"; must be 127.0.0.1:5000/unidesk/<serviceId>: the registry listens on loopback only, and the tag is the commit`,
    );
  },
);

describe("dockerfile", () => {
  test.each(["../Dockerfile", "a/../../Dockerfile", "a/..", "..", "/Dockerfile", "", "a b/Dockerfile", "Docker\nfile"])(
    "fails if it is %j",
    (dockerfile) => {
      expect(refusal({ ...frontend, dockerfile })).toBe(
        `CI.json: artifacts.0.dockerfile: found ${JSON.stringify(dockerfile)}; must be a relative path inside the repository, without ..`,
      );
    },
  );

  test("may have dots in a name", () => {
    expect(read({ ...frontend, dockerfile: "a..b/Dockerfile.prod" }).artifacts).toHaveLength(1);
  });
});

test.each(["http://github.com/pikasTech/unidesk", "git@github.com:pikasTech/unidesk.git"])(
  "fails if the source repository is %s",
  (sourceRepo) => {
    expect(refusal({ ...frontend, sourceRepo })).toBe(
      `CI.json: artifacts.0.sourceRepo: found "${sourceRepo}"; must be the https URL of the source repository`,
    );
  },
);

test("fails if the kind is unknown, with the kinds there are", () => {
  expect(refusal({ ...frontend, kind: "mirror" })).toMatch(
    /^CI\.json: artifacts\.0\.kind: found "mirror"; .*'build' \| 'upstream-image'$/,
  );
});

test("fails if an upstream image has no digest", () => {
  const { digest: _, ...rest } = upstream;
  expect(refusal(rest)).toMatch(/^CI\.json: artifacts\.0\.digest: is missing; /);
});

test("fails if an entry has an unknown key", () => {
  expect(refusal({ ...frontend, tag: "latest" })).toContain('CI.json: artifacts.0: unknown "tag"');
});

describe("findBuild", () => {
  const ci = read(frontend, upstream);

  test("finds a build entry", () => {
    expect(findBuild(ci, "frontend")).toEqual(frontend);
  });

  test("fails if there is no such entry", () => {
    const { message, exitCode } = failureOf(() => findBuild(ci, "frontned"));
    expect(message).toBe(
      [
        "CI.json has no entry for frontned",
        "  found:   frontned",
        "  allowed: frontend",
        "  remedy:  correct the name, or add an entry to CI.json",
      ].join("\n"),
    );
    expect(exitCode).toBe(2);
  });

  test("fails if it is an upstream image", () => {
    expect(failureOf(() => findBuild(ci, "postgres")).message).toBe(
      [
        "postgres is an upstream image: it is mirrored, never built",
        "  found:   postgres",
        "  allowed: frontend",
        "  remedy:  leave it out",
      ].join("\n"),
    );
  });
});
