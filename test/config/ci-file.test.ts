import { describe, expect, test } from "vitest";
import { findBuild, readCiFile } from "../../lib/config/ci-file.ts";
import { buildEntry, digestA, failureOf, tempFolder, write } from "../support.ts";

const frontend = buildEntry("frontend");
const upstream = {
  serviceId: "postgres",
  kind: "upstream-image",
  sourceRepo: "https://github.com/docker-library/postgres",
  upstream: "docker.io/library/postgres:16",
  digest: digestA,
  mirror: "127.0.0.1:5000/mirror/postgres",
};
const read = (...artifacts: object[]) => readCiFile(write(tempFolder(), "CI.json", { version: 1, artifacts }));
const refusal = (...artifacts: object[]) => failureOf(() => read(...artifacts)).message;

test("a build and an upstream entry are read as they are", () => {
  expect(read(frontend, upstream)).toEqual({ version: 1, artifacts: [frontend, upstream] });
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
