import { describe, expect, it } from "vitest";
import { hostsFile, labCommits, unpushedCommit } from "../../lab/index.ts";
import { loadSite } from "../../lib/config/site.ts";
import { Commit } from "../../lib/config/values.ts";
import { type CommitQuestion, questionKey, readSource } from "../../lib/source/read.ts";
import { checkout } from "../lab-support.ts";

const unidesk = "https://github.com/pikasTech/unidesk";
const todoNote = "https://gitee.com/Lyon1998/todo_note";
const { first, second, third, unreleased } = labCommits.unidesk;

describe("the source repositories on d601", () => {
  const site = loadSite(checkout, { UNIDESK_HOSTS: hostsFile });

  it("answers about several repositories in one look", async () => {
    const questions: CommitQuestion[] = [
      question(unidesk, second, first),
      question(unidesk, first, third),
      question(unidesk, unreleased, third),
      question(unidesk, unpushedCommit(), third),
      question(todoNote, labCommits.todoNote.third, labCommits.todoNote.first),
    ];
    const { commits, warnings, missingChannels } = await readSource(site, questions);
    expect([warnings, missingChannels]).toEqual([[], []]);
    const [forward, backward, ahead, unknown, other] = questions.map((one) => commits.get(questionKey(one)));
    expect(forward).toMatchObject({
      relation: "forward",
      releaseLines: ["master", "release/v1"],
      behindReleaseLine: 1,
    });
    expect(forward?.log.map(({ subject, author }) => [subject, author])).toEqual([
      ["frontend: show the requested commit beside the live one", "Wei"],
    ]);
    expect(backward).toMatchObject({ relation: "backward", behind: 2, releaseLines: ["master", "release/v1"] });
    expect(ahead).toMatchObject({ state: "known", pushed: true, releaseLines: [], relation: "forward", ahead: 1 });
    expect(unknown).toMatchObject({ state: "unknown", pushed: false });
    expect(other).toMatchObject({ relation: "forward", ahead: 2, releaseLines: ["master"] });
  });

  it("fails if a host that is down is guessed about", async () => {
    const down = { ...site.connections.d601, port: 1 };
    const asked = question(unidesk, second);
    const answer = await readSource({ ...site, connections: { ...site.connections, d601: down } }, [asked]);
    expect(answer.missingChannels).toEqual(["d601:ssh"]);
    expect(answer.commits.get(questionKey(asked))).toMatchObject({ state: "unknown", unseen: true });
    expect(answer.warnings.join("\n")).toContain("cannot be reached");
  });
});

function question(repository: string, commit: string, from?: string): CommitQuestion {
  return { repository, commit: Commit.parse(commit), ...(from ? { from: Commit.parse(from) } : {}) };
}
