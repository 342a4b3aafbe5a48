import { expect, test } from "vitest";
import { labCommits, unpushedCommit } from "../../lab/commits.js";
import { buildRepositories } from "../../lab/repositories.js";

test("the sample repositories come out with the stored commits", async () => {
  const bundles = await buildRepositories();
  expect([...bundles.keys()]).toEqual(["unidesk", "todo_note"]);
});

test("every commit is its own, and the unpushed one is none of them", () => {
  const all = [...Object.values(labCommits.unidesk), ...Object.values(labCommits.todoNote), unpushedCommit()];
  expect(new Set(all).size).toBe(12);
  for (const commit of all) expect(commit).toMatch(/^[0-9a-f]{40}$/);
});
