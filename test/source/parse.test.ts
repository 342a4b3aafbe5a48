import { describe, expect, it } from "vitest";
import { parseSource } from "../../lib/source/parse.ts";
import { commitA, commitB } from "../support.ts";

const mark = "0123456789ab";
const answer = (...lines: readonly string[]) =>
  `${lines.map((line) => (line.startsWith("/") || line.startsWith("!") ? line.replace(/^!/, "") : `${mark} ${line}`)).join("\n")}\n`;
const range = [
  "repository 0 seen false",
  `commit ${commitB} known yes 0:3 1:0`,
  `range ${commitB} ${commitA} 0 1`,
  `C ${commitB} 1747131540`,
  "A Lyon",
  "S second: a line",
  "/src/a b.ts",
  "M 0",
  `end ${commitB} ${commitA}`,
];

describe("parseSource", () => {
  it("reads commits with their lines, and ranges with their log", () => {
    const { repositories, complete } = parseSource(answer(...range, "done"), mark);
    expect(complete).toBe(true);
    const commit = repositories.get(0)?.commits.get(commitB);
    expect(commit?.lines).toEqual(
      new Map([
        [0, 3],
        [1, 0],
      ]),
    );
    expect(commit?.ranges.get(commitA)).toEqual({
      behind: 0,
      ahead: 1,
      log: [
        {
          commit: commitB,
          subject: "second: a line",
          author: "Lyon",
          date: "2025-05-13T10:19:00Z",
          paths: ["src/a b.ts"],
          morePaths: 0,
          taken: false,
        },
      ],
    });
  });

  it("marks what is taken away, in its own range alone", () => {
    const taken = range.map((line) => (line.startsWith("range") ? `range ${commitB} ${commitA} 1 0` : line));
    const lines = [...taken.slice(0, 3), "taken", ...taken.slice(3)];
    const next = range.slice(2).map((line) => line.replace(commitA, "c".repeat(40)));
    const ranges = parseSource(answer(...lines, ...next), mark)
      .repositories.get(0)
      ?.commits.get(commitB)?.ranges;
    expect([...(ranges?.values() ?? [])].map(({ log }) => log.map((one) => one.taken))).toEqual([[true], [false]]);
  });

  it("fails if a path that looks like an answer is taken for one", () => {
    const text = answer(
      ...range.slice(0, 7),
      `/${mark} commit ${commitA} known yes 0:0`,
      `!commit ${commitA} known yes`,
      ...range.slice(7),
    );
    const commits = parseSource(text, mark).repositories.get(0)?.commits;
    expect([...(commits?.keys() ?? [])]).toEqual([commitB]);
    expect(commits?.get(commitB)?.ranges.get(commitA)?.log[0]?.paths).toEqual([
      "src/a b.ts",
      `${mark} commit ${commitA} known yes 0:0`,
    ]);
  });

  it("fails if control characters of a text come through", () => {
    const lines = range.map((line) => line.replace("a line", "\u001b[2Jgone\u202e").replace("a b.ts", "a\u0001b\r.ts"));
    const log = parseSource(answer(...lines), mark)
      .repositories.get(0)
      ?.commits.get(commitB)
      ?.ranges.get(commitA)?.log;
    expect(log?.[0]?.subject).toBe("second: ?[2Jgone?");
    expect(log?.[0]?.paths).toEqual(["src/a?b?.ts"]);
  });

  it("fails if a cut range is taken for a short one", () => {
    const { repositories, complete } = parseSource(answer(...range.slice(0, -1)), mark);
    expect(complete).toBe(false);
    expect(repositories.get(0)?.commits.get(commitB)?.ranges.size).toBe(0);
  });

  it("takes any number for a date", () => {
    for (const [seconds, date] of [
      ["99999999999999999999", "1970-01-01T00:00:00Z"],
      ["-86400", "1969-12-31T00:00:00Z"],
      ["", "1970-01-01T00:00:00Z"],
    ] as const) {
      const lines = range.map((line) => (line.startsWith("C ") ? `C ${commitB} ${seconds}` : line));
      const log = parseSource(answer(...lines), mark)
        .repositories.get(0)
        ?.commits.get(commitB)
        ?.ranges.get(commitA)?.log;
      expect(log?.[0]?.date).toBe(date);
    }
  });

  it("tells repositories that cannot be seen apart", () => {
    const { repositories } = parseSource(
      answer("repository 0 missing", "repository 1 no-repository", "repository 2 seen true", "repository 2 failed"),
      mark,
    );
    expect([...repositories.values()].map(({ state }) => state)).toEqual(["missing", "no-repository", "failed"]);
  });
});
