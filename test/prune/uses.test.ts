import { execFileSync } from "node:child_process";
import { chmodSync, rmSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Site } from "../../lib/config/site.ts";
import type { PlacedEntry } from "../../lib/history/collect.ts";
import { cutShort, healthyUses, unreadUses } from "../../lib/prune/healthy.ts";
import { usesInText } from "../../lib/prune/live.ts";
import { otherUsesScript, parseOthers } from "../../lib/prune/others.ts";
import { pinnedUses } from "../../lib/prune/pins.ts";
import { bash, commitA, commitB, failureOf, rejectionOf, siteOf, tempFolder, write } from "../support.ts";

const digest = `sha256:${"d".repeat(64)}`;
const frontend = "unidesk/frontend";

describe("healthy commits", () => {
  const entry = (commit: string, day: number, more: object = {}) =>
    ({
      ...{ service: "frontend", stack: "unidesk-prod-main-server", host: "main-server", commit, result: "deployed" },
      finishedAt: `2026-01-${String(day).padStart(2, "0")}T00:00:00Z`,
      ...more,
    }) as unknown as PlacedEntry;
  const commits = [..."012345"].map((digit) => digit.repeat(40));
  const of = (entries: readonly PlacedEntry[], keep: number) => healthyUses(entries, keep).map(({ commit }) => commit);

  test("are the newest few of each service and environment, each commit once", () => {
    const days = [0, 1, 1, 2, 3].map((index, day) => entry(commits[index] ?? "", day + 1));
    expect(of(days, 3)).toEqual([commits[3], commits[2], commits[1]]);
    const dev = entry(commits[0] ?? "", 1, { stack: "unidesk-dev-d601" });
    expect(of([...days, dev], 1)).toEqual([commits[3], commits[0]]);
    expect(of(days, 0)).toEqual([]);
  });

  test("of a failed deployment it is the previous one that answers again", () => {
    expect(of([entry(commitA, 1, { result: "restored", previousCommit: commitB })], 3)).toEqual([commitB]);
    for (const result of ["removed", "restore-failed", "superseded", "retired"]) {
      expect(of([entry(commitA, 1, { result, previousCommit: commitB })], 3), result).toEqual([]);
    }
  });

  test("fails if what a rollback goes back to is deleted, from what is pinned or from what runs", () => {
    const [a = "", b = "", c = "", d = ""] = commits;
    // d, c, b, a were deployed one after the other, then it went back to b, and on to c.
    const story = [d, c, b, a, b, c].map((commit, day) => entry(commit, day + 1));
    const place = { service: "frontend", environment: "prod", host: "main-server" };
    const kept = (keep: number, commit: string, where = place) =>
      healthyUses(story, keep, [{ commit, reason: "pinned", place: where }]).map((use) => use.commit);
    expect(kept(3, c)).toEqual([c, d, d, d]);
    expect(kept(0, c)).toEqual([d, d]);
    // A pinned commit that never held goes back to what runs.
    expect(kept(0, a)).toEqual([c, c]);
    expect(kept(0, c, { ...place, environment: "dev" })).toEqual([]);
    expect(kept(0, c, { ...place, host: "d601" })).toEqual([]);
    // A deployment that failed is no commit to go back to.
    const failed = [...story, entry(b, 7, { result: "restored", previousCommit: c })];
    expect(healthyUses(failed, 2).map((use) => use.commit)).toEqual([c, d, c]);
    expect(healthyUses(failed, 0, [{ commit: c, reason: "live", place }]).map((use) => use.commit)).toEqual([d, d]);
  });

  test("fails if a history that was read in part is taken for all of it", () => {
    const [a = "", b = "", c = ""] = commits;
    const place = { service: "frontend", environment: "prod", host: "main-server" };
    const story = [a, b].map((commit, day) => entry(commit, day + 1));
    const short = (keep: number, pinned: string, cut = [place]) =>
      cutShort(story, cut, keep, [{ commit: pinned, reason: "pinned", place }]);
    expect(short(2, b)).toEqual([]);
    expect(short(2, c)).toEqual([]);
    expect(short(3, b)).toEqual([place]);
    expect(short(1, a)).toEqual([place]);
    expect(short(3, a, [])).toEqual([]);
    // Lines that say no environment may be of any.
    expect(short(0, b, [{ ...place, environment: "other" }])).toHaveLength(1);
  });

  test("keep the digest that was deployed", () => {
    expect(healthyUses([entry(commitA, 1, { digest })], 1)[1]).toEqual({
      digest,
      reason: "one of the last 1 healthy in prod",
    });
  });
});

test("fails if a history line that cannot be read is taken for nothing", () => {
  const line = `{"service":"frontend","commit":"${commitA}","previousCommit":"b2b2`;
  const reason = "in a history line of d601 that cannot be read";
  expect(unreadUses([{ host: "d601", line }])).toEqual([{ commit: commitA, reason }]);
  const error = failureOf(() => unreadUses([{ host: "d601", line: '{"service":"front\u001b' }]));
  expect(error.message).toContain('found:   d601: {"service":"front?');
});

test("commits and digests in what runs; neither part of the other", () => {
  expect(usesInText(`x:${commitA} y@${digest} ${commitA}`, "live", frontend)).toEqual([
    { repository: frontend, commit: commitA, reason: "live" },
    { digest, reason: "live" },
  ]);
});

test("containers, pods and unfinished deployments by label, by name, or by commit alone", () => {
  const lines = [
    `container a\tfrontend\t${commitA} [unidesk-frontend:latest] []`,
    `container b\t-\t127.0.0.1:5000/unidesk/todo-note:${commitA}`,
    `container c\t-\tsomething ${commitB}`,
    "container d\t-\tpostgres:16",
  ];
  expect(parseOthers(lines.join("\n"), "d601")).toEqual([
    { repository: frontend, commit: commitA, reason: "used by container a on d601" },
    { repository: "unidesk/todo-note", commit: commitA, reason: "used by container b on d601" },
    { commit: commitB, reason: "used by container c on d601" },
  ]);
});

describe("what Docker says", () => {
  /** Docker with one container, and these answers to `docker inspect` and `docker image inspect`. */
  function look(container: string, image: string) {
    const docker = `#!/bin/bash
case $1 in
  ps) echo 1a2b ;;
  version) echo 28 ;;
  inspect) ${container} ;;
  image) ${image} ;;
esac`;
    const folder = tempFolder();
    chmodSync(write(folder, "docker", docker), 0o755);
    return bash(`export PATH="${folder}:$PATH"\n${otherUsesScript}`, [`${folder}/jobs`, "", `${folder}/history`]);
  }
  const refuse = (text: string) => `echo "${text}" >&2; exit 1`;
  const container = "echo /web sha256:1 127.0.0.1:5000/unidesk/frontend:x";

  test("a container or an image that is gone is passed over", () => {
    expect(look(refuse("Error: No such container: 1a2b"), "exit 1")).toMatchObject({ exitCode: 0, stderr: "" });
    const { exitCode, stdout } = look(container, refuse("Error response from daemon: No such image: sha256:1"));
    expect([exitCode, stdout.toString()]).toEqual([0, "container web\t-\t127.0.0.1:5000/unidesk/frontend:x\n"]);
  });

  test.each([
    ["a container is not told", refuse("permission denied"), "", "docker inspect: permission denied"],
    ["an image is not told", container, refuse("dial: no such file or directory"), "docker image: dial: no such file"],
    ["Docker says nothing", "exit 1", "", "docker inspect: no answer"],
  ])("fails if %s", (_, inspect, image, message) => {
    const { exitCode, stderr } = look(inspect, image || "exit 1");
    expect(exitCode).toBe(1);
    expect(stderr).toContain(message);
  });
});

describe("pins", () => {
  const git = (root: string, ...args: string[]) =>
    execFileSync("git", ["-C", root, "-c", "user.name=t", "-c", "user.email=t@example.org", ...args]);
  /** A checkout that pins commit A, on a branch `old` with another pins file. */
  function siteWith(old: string | object) {
    const root = tempFolder();
    git(root, "init", "--quiet");
    write(root, "deploy.json", old);
    git(root, "add", ".");
    git(root, "commit", "--quiet", "-m", "old");
    git(root, "branch", "old");
    write(root, "deploy.json", { version: 1, environments: { prod: { frontend: { commit: commitA } } } });
    return { ...siteOf(), root, deployFile: "deploy.json" };
  }
  const place = { service: "frontend", environment: "prod", host: "main-server" };
  const mine = { repository: frontend, commit: commitA, reason: "pinned in prod", place };

  test("of the checkout and of a reference, by tag and by digest; an older file is read", async () => {
    const entry = { commit: commitB, digest, note: "a field of another time" };
    const site = siteWith({ version: 0, environments: { staging: { "gone-service": entry } } });
    const reason = "pinned in staging of old";
    expect(await pinnedUses(site, [])).toEqual([mine]);
    expect(await pinnedUses(site, ["old"])).toEqual([
      mine,
      { repository: "unidesk/gone-service", commit: commitB, reason },
      { digest, reason },
    ]);
  });

  test.each([["no-such-branch"], ["--all"], ["HEAD:deploy.json"]])("fails if %s is no commit", async (reference) => {
    const error = await rejectionOf(pinnedUses(siteWith({ environments: {} }), [reference]));
    expect(error.exitCode).toBe(2);
    expect(error.message).toContain(
      `--keep-pins-of ${reference}: its deploy.json cannot be read, so nothing is pruned`,
    );
  });

  test("fails if the reference's file is no pins file", async () => {
    expect((await rejectionOf(pinnedUses(siteWith("{"), ["old"]))).message).toContain("old:deploy.json is not JSON");
    const wrong = siteWith({ environments: { prod: { frontend: { commit: "master" } } } });
    expect((await rejectionOf(pinnedUses(wrong, ["old"]))).message).toContain('found "master"');
  });

  describe("of a remote's branch", () => {
    function withRemote() {
      const site = siteWith({ environments: {} });
      const remote = tempFolder();
      git(remote, "init", "--quiet", "--bare");
      git(site.root, "remote", "add", "team/origin", remote);
      git(site.root, "push", "--quiet", "team/origin", "old");
      git(site.root, "fetch", "--quiet", "team/origin");
      return { site, remote };
    }
    const uses = (site: Site) => pinnedUses(site, ["team/origin/old"]);

    test("fails if it is another commit there by now: a usage error, with a remedy", async () => {
      const { site, remote } = withRemote();
      expect(await uses(site)).toEqual([mine]);
      const tree = git(remote, "rev-parse", "old^{tree}").toString().trim();
      const newer = git(remote, "commit-tree", tree, "-p", "old", "-m", "newer").toString().trim();
      git(remote, "update-ref", "refs/heads/old", newer);
      const error = await rejectionOf(uses(site));
      expect(error.exitCode).toBe(2);
      expect(error.message).toContain("--keep-pins-of team/origin/old: this checkout has another commit of it");
      expect(error.problem.found).toContain(`${newer.slice(0, 7)} there`);
      expect(error.problem.remedy).toContain("git fetch --prune team/origin");
      git(remote, "update-ref", "-d", "refs/heads/old");
      expect((await rejectionOf(uses(site))).problem.found).toContain("no such branch there");
      git(site.root, "fetch", "--quiet", "--prune", "team/origin");
      expect((await rejectionOf(uses(site))).message).toContain("cannot be read");
    });

    test("the upstream of the checkout's branch counts unasked, and a stale one is refused", async () => {
      const { site, remote } = withRemote();
      git(site.root, "commit", "--quiet", "-m", "newer", "deploy.json");
      git(site.root, "push", "--quiet", "--set-upstream", "team/origin", "HEAD:trunk");
      const merged = { ...mine, reason: "pinned in prod of team/origin/trunk" };
      expect(await pinnedUses(site, [])).toEqual([mine, merged]);
      expect(await pinnedUses(site, ["team/origin/trunk"])).toEqual([mine, merged]);
      expect(
        await pinnedUses(
          {
            ...site,
            deployFile: write(tempFolder(), "deploy.json", {
              version: 1,
              environments: {},
            }),
          },
          [],
        ),
      ).toEqual([]);
      // A file that was never pushed pins nothing there, one inside the checkout may be named by its whole path.
      const fresh = write(site.root, "fresh.json", { version: 1, environments: {} });
      expect(await pinnedUses({ ...site, deployFile: "fresh.json" }, [])).toEqual([]);
      expect(await pinnedUses({ ...site, deployFile: fresh }, [])).toEqual([]);
      git(remote, "update-ref", "refs/heads/trunk", "old");
      const error = await rejectionOf(pinnedUses(site, []));
      expect(error.exitCode).toBe(2);
      expect(error.message).toContain(
        "team/origin/trunk, the upstream of this checkout's branch: this checkout has another commit of it",
      );
      git(site.root, "update-ref", "-d", "refs/remotes/team/origin/trunk");
      expect((await rejectionOf(pinnedUses(site, []))).message).toContain("cannot be read, so nothing is pruned");
    });

    test("fails if the remote gives no answer: infra-blocked", async () => {
      const { site, remote } = withRemote();
      rmSync(remote, { recursive: true });
      const error = await rejectionOf(uses(site));
      expect(error.exitCode).toBe(3);
      expect(error.message).toContain("team/origin does not say what old is now, so nothing is pruned");
    });
  });
});
