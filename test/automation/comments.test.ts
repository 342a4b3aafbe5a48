import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { commitA, commitB, tempFolder, write } from "../support.ts";
import { bot, Forge, script } from "./forge.ts";

let forge: Forge;
beforeEach(async () => {
  forge = new Forge();
  await forge.open();
});
afterEach(() => forge.close());

const marker = "<!-- unidesk-review -->";
const fingerprint = "5f".repeat(32);
const end = `<!-- unidesk-fingerprint: ${fingerprint} -->`;
const post = (body: string) =>
  script("post-comment.sh", ["7", write(tempFolder(), "body.md", body)], forge.environment);
const bodies = () => forge.comments.map(({ body }) => body);

describe("post-comment.sh", () => {
  test("posts one comment, then updates it in place", async () => {
    forge.add("eve", `${marker}\nnot ours`);
    expect(await post("first\n")).toEqual({ exitCode: 0, stdout: "posted the review to pull request 7\n", stderr: "" });
    expect(bodies()).toEqual([`${marker}\nnot ours`, `${marker}\nfirst`]);
    expect(await post('second, with "quotes", $(date) and 🚀\n')).toMatchObject({
      exitCode: 0,
      stdout: "updated the review of pull request 7\n",
    });
    expect(bodies()).toEqual([`${marker}\nnot ours`, `${marker}\nsecond, with "quotes", $(date) and 🚀`]);
  });

  test("another comment of the bot without the marker is left alone", async () => {
    forge.add(bot, "hello");
    await post("report");
    expect(bodies()).toEqual(["hello", `${marker}\nreport`]);
  });

  test.each([[true], [false]])("finds its comment behind 250 others, paged: %s", async (paged) => {
    forge.paged = paged;
    for (let index = 0; index < 250; index++) forge.add("ann", `comment ${index}`);
    const id = forge.add(bot, `${marker}\nold`);
    expect((await post("new")).exitCode).toBe(0);
    expect(forge.comments).toHaveLength(251);
    expect(forge.comments.find((comment) => comment.id === id)?.body).toBe(`${marker}\nnew`);
    const lists = forge.requests.filter((request) => request.startsWith("GET "));
    expect(lists.length).toBeLessThanOrEqual(3);
  });

  test("of two comments of ours the first is updated and the other removed", async () => {
    const first = forge.add(bot, `${marker}\none`);
    forge.add("ann", "between");
    forge.add(bot, `${marker}\ntwo`);
    expect(await post("three")).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining("removed another review of ours"),
    });
    expect(forge.comments.map(({ id, body }) => (id === first ? `own: ${body}` : body))).toEqual([
      `own: ${marker}\nthree`,
      "between",
    ]);
  });

  test("a report that is too long is cut, and says so; marker and fingerprint stay", async () => {
    await post(`${marker}\n<!-- unidesk-head: x -->\n${"🚀".repeat(70_000)}\n${end}\n`);
    const [body = ""] = bodies();
    expect([...body]).toHaveLength(65_536);
    expect(body.split("\n").slice(0, 3)).toEqual([
      marker,
      "<!-- unidesk-head: x -->",
      expect.stringMatching(/^\*\*This report is cut: it has 70\d\d\d characters/),
    ]);
    expect(body.endsWith(`\n${end}`)).toBe(true);
    await post(`${"a".repeat(65_000)}\n${end}`);
    expect(bodies()[0]).not.toContain("This report is cut");
  });

  test.each([[403], [500]])(
    "fails if the platform answers %i, with its words and without the token",
    async (status) => {
      forge.status = status;
      const { exitCode, stdout, stderr } = await post("report");
      expect(stderr).toContain(
        `GET /issues/7/comments?per_page=100&page=1: HTTP ${status}\n{"message":"the forge says no"}`,
      );
      expect(`${stdout}${stderr}`).not.toContain("s3cret");
      expect(exitCode).not.toBe(0);
      expect(forge.comments).toEqual([]);
    },
  );

  test("fails if there is no answer, or no number", async () => {
    const file = write(tempFolder(), "body.md", "x");
    const nowhere = { ...forge.environment, UNIDESK_API_URL: "http://127.0.0.1:1" };
    expect(await script("post-comment.sh", ["7", file], nowhere)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("no answer from http://127.0.0.1:1"),
    });
    expect((await script("post-comment.sh", ["7/../8", file], forge.environment)).exitCode).toBe(1);
    expect(forge.requests).toEqual([]);
  });
});

describe.each(["github", "gitea"])("reviewed-fingerprint.sh on %s", (platform) => {
  const merged = {
    number: 7,
    merged_at: "2026-01-31T12:00:00Z",
    merge_commit_sha: commitA,
    base: { ref: "main" },
    head: { sha: commitB },
  };
  const review = `${marker}\n<!-- unidesk-head: ${commitB} -->\n# Report\n\n${end}`;
  const ask = () =>
    script("reviewed-fingerprint.sh", [commitA, "main"], { ...forge.environment, UNIDESK_FORGE: platform });
  const pull = (changes: object = {}) => {
    const one = { ...merged, ...changes };
    if (platform === "github") forge.replies.set(`/commits/${commitA}/pulls`, [one]);
    else forge.replies.set(`/commits/${commitA}/pull`, one);
  };
  const refusal = async () => {
    const { exitCode, stdout, stderr } = await ask();
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toContain("  npx unidesk apply --reviewed FINGERPRINT\n");
    return stderr.split("\n")[0];
  };

  test("prints the fingerprint of the merged pull request's review", async () => {
    pull();
    forge.add("eve", review.replace(fingerprint, "ee".repeat(32)));
    forge.add(bot, review.replaceAll("\n", "\r\n"));
    expect(await ask()).toEqual({ exitCode: 0, stdout: `${fingerprint}\n`, stderr: "" });
  });

  test("fails if no pull request was merged as this commit", async () => {
    const none = `nothing was applied: no merged pull request ends in ${commitA}`;
    if (platform === "github") forge.replies.set(`/commits/${commitA}/pulls`, []);
    expect(await refusal()).toBe(none);
    for (const changes of [{ merged_at: null }, { merge_commit_sha: commitB }, { base: { ref: "release" } }]) {
      pull(changes);
      expect(await refusal()).toBe(none);
    }
  });

  test("fails if somebody else wrote the review, or nobody", async () => {
    pull();
    forge.add("eve", review);
    expect(await refusal()).toBe(`nothing was applied: pull request 7 has no review of ${bot}`);
  });

  test("fails if there are two reviews", async () => {
    pull();
    forge.add(bot, review);
    forge.add(bot, review);
    expect(await refusal()).toContain("has more than one review");
  });

  test("fails if the review is of an earlier commit", async () => {
    pull({ head: { sha: commitA } });
    forge.add(bot, review);
    expect(await refusal()).toBe(
      `nothing was applied: the review of pull request 7 is not of its last commit ${commitA}`,
    );
  });

  test("fails if the review failed, or its fingerprint is not its last line", async () => {
    pull();
    const id = forge.add(bot, review.replace(fingerprint, "none"));
    const failed = "nothing was applied: the review of pull request 7 failed or has no fingerprint";
    expect(await refusal()).toBe(failed);
    const comment = forge.comments.find((one) => one.id === id);
    if (comment) comment.body = `${review}\nand more`;
    expect(await refusal()).toBe(failed);
  });

  test("fails if the platform says no", async () => {
    forge.status = 403;
    expect(await ask()).toMatchObject({ exitCode: 1, stdout: "", stderr: expect.stringContaining("HTTP 403") });
  });
});
