import { describe, expect, test } from "vitest";
import { Commit } from "../../lib/config/values.ts";
import { imageLabels } from "../../lib/labels.ts";
import { judgeNewest, newestPublished } from "../../lib/pins/newest.ts";
import type { Artifact } from "../../lib/registry/client.ts";
import type { CommitFacts } from "../../lib/source/read.ts";

const commitOf = (letter: string) => Commit.parse(letter.repeat(40));
const facts = (...releaseLines: string[]): CommitFacts => ({
  ...{ state: "known", pushed: true, releaseLines, behindReleaseLine: 0 },
  ...{ ahead: 0, behind: 0, log: [], moreCommits: 0 },
});
/** `master:a release/v1:-`: a is the newest of master, and release/v1 reaches nothing published. */
function newest(lines: string, pinned?: CommitFacts) {
  const found = (lines ? lines.split(" ") : []).map((word): [string, Commit | undefined] => {
    const [line = "", letter = ""] = word.split(":");
    return [line, letter === "-" ? undefined : commitOf(letter)];
  });
  return newestPublished(lines === "" ? undefined : new Map(found), ["master", "release/v1"], pinned);
}

describe("newestPublished", () => {
  test("the newest of the pin's line", () => {
    const both = "master:b release/v1:d";
    expect(newest(both, facts("master", "release/v1"))).toEqual({
      state: "known",
      commit: commitOf("b"),
      releaseLine: "master",
    });
    expect(newest(both, facts("release/v1"))).toMatchObject({ commit: commitOf("d"), releaseLine: "release/v1" });
  });

  test("of the first line that anything published is on, where the pin is on none", () => {
    expect(newest("master:b release/v1:d", facts())).toMatchObject({ commit: commitOf("b"), releaseLine: "master" });
    expect(newest("master:- release/v1:d")).toMatchObject({ commit: commitOf("d"), releaseLine: "release/v1" });
  });

  test("none, where nothing of a release line is published", () => {
    expect(newest("master:- release/v1:d", facts("master")).state).toBe("none");
    expect(newest("master:- release/v1:-").state).toBe("none");
  });

  test("fails if it is guessed where registry or repository gave no answer", () => {
    expect(newest("", facts("master"))).toEqual({ state: "unknown", commit: null, releaseLine: null });
    expect(newest("release/v1:d", facts("master")).state).toBe("unknown");
    expect(newest("release/v1:d", facts()).state).toBe("unknown");
  });
});

describe("judgeNewest", () => {
  const newestA = { state: "known", commit: commitOf("a"), releaseLine: "master" } as const;
  const imageOf = (service: string) => {
    const labels = { [imageLabels.revision]: commitOf("a"), [imageLabels.service]: service };
    return { artifact: { digest: "sha256:1", labels } as unknown as Artifact };
  };
  const judge = (...image: [Parameters<typeof judgeNewest>[2]]) =>
    judgeNewest("frontend", newestA, ...image, "d601 127.0.0.1:5000");

  test("an image with its own labels may be pinned", () => {
    expect(judge(imageOf("frontend"))).toEqual({ ...newestA, deployable: true, refusals: [] });
  });

  test("fails if what pin set refuses is shown as if it could be pinned", () => {
    const where = `d601 127.0.0.1:5000/unidesk/frontend:${commitOf("a")}`;
    expect(judge(imageOf("mdtodo"))).toEqual({
      ...newestA,
      deployable: false,
      refusals: [`frontend: image label dev.unidesk.service: expected frontend, found mdtodo (looked at ${where})`],
    });
    expect(judge({ artifact: undefined })).toMatchObject({ deployable: false });
    expect(judge({ problem: "no image" })).toMatchObject({ deployable: false, refusals: ["no image"] });
  });

  test("fails if it is guessed where nobody looked", () => {
    expect(judge(undefined)).toMatchObject({ deployable: null, refusals: [] });
  });
});
