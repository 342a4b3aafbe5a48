import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { labCommits, labExec } from "../../lab/index.ts";
import { hostPaths } from "../../lib/host-paths.ts";
import {
  fileOn,
  forgetTag,
  home,
  lines,
  pushByHand,
  registry,
  registryStack,
  useLabSite,
  withRegistryStopped,
} from "../lab-support.ts";

const site = useLabSite("registry");
const { first, second } = labCommits.unidesk;
/** Pushed, on a branch that is not released and that no pin of this checkout names. */
const commit = labCommits.unidesk.unreleased;
const image = `${registry.address}:${registry.port}/unidesk/frontend`;
const bareRepository = `${home}/git/unidesk.git`;
const sourceRepo = "https://github.com/pikasTech/unidesk";

beforeAll(async () => {
  await site.deploy(registryStack);
  await site.publish("frontend", first);
});

afterEach(() => forgetTag("frontend", commit));

test("builds a pushed commit, labels it, pushes its tag and records the summary on d601", async () => {
  await forgetTag("frontend", commit);
  const { exitCode, stdout, output } = await publish(commit);
  expect(exitCode, output).toBe(0);
  expect(lines(stdout)[0]).toBe("built and pushed");

  const { digest } = fields(stdout);
  expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  const summary = {
    serviceId: "frontend",
    sourceCommit: commit,
    sourceRepo,
    dockerfile: "src/components/frontend/Dockerfile",
    imageRef: `${image}:${commit}`,
    tag: commit,
    digest,
    digestRef: `${image}@${digest}`,
  };
  expect(fields(stdout)).toEqual(summary);
  const record = await fileOn("d601", `${hostPaths({ home }).artifacts}/frontend/${commit}.json`);
  expect(JSON.parse(record.bytes)).toEqual(summary);

  expect(await registryDigest(commit)).toBe(digest);
  expect(await labelsOf(`${image}@${digest}`)).toEqual({
    "org.opencontainers.image.revision": commit,
    "org.opencontainers.image.source": sourceRepo,
    "dev.unidesk.service": "frontend",
    "dev.unidesk.dockerfile": "src/components/frontend/Dockerfile",
    "org.opencontainers.image.title": "frontend",
    "org.opencontainers.image.version": commit,
    // The commit's time: labels follow from the commit alone.
    "org.opencontainers.image.created": "2025-05-14T10:20:00Z",
  });
});

test("the second publish of a commit builds nothing and says the same", async () => {
  const built = await publish(commit);
  const images = await labExec("d601", "docker image ls -aq --no-trunc | sort");
  const reused = await publish(commit);
  expect(lines(reused.stdout)[0]).toBe("already published; nothing was built");
  expect(fields(reused.stdout)).toEqual(fields(built.stdout));
  expect(await labExec("d601", "docker image ls -aq --no-trunc | sort")).toBe(images);
});

test("--json prints the summary and nothing else", async () => {
  const { exitCode, stdout } = await publish(commit, "--json");
  expect(exitCode).toBe(0);
  expect(Object.keys(JSON.parse(stdout) as object)).toEqual([
    ...["serviceId", "sourceCommit", "sourceRepo", "dockerfile", "imageRef", "tag", "digest", "digestRef"],
  ]);
});

test("two publishers at once build once and end with one digest", async () => {
  await forgetTag("frontend", commit);
  const both = await Promise.all([publish(commit), publish(commit)]);
  for (const { exitCode, output } of both) expect(exitCode, output).toBe(0);
  expect(both.map(({ stdout }) => lines(stdout)[0]).sort()).toEqual([
    "already published; nothing was built",
    "built and pushed",
  ]);
  const digests = new Set(both.map(({ stdout }) => fields(stdout).digest));
  expect([...digests]).toEqual([await registryDigest(commit)]);
});

describe("refuses", () => {
  test("a commit that is not in the repository", async () => {
    const unknown = "0123456789abcdef0123456789abcdef01234567";
    const { exitCode, output } = await publish(unknown);
    expect(exitCode).toBe(1);
    expect(output).toMatch(/^frontend: the commit is not in the repository on D601$/m);
    expect(output).toContain(`found:   ${unknown} (src/components/frontend/Dockerfile) of ${sourceRepo}`);
    expect(output).toMatch(/^ {2}remedy: {2}push it/m);
    expect(await registryDigest(unknown)).toBe("");
  });

  test("a commit that is there but that nobody pushed", async () => {
    const unpushed = await commitTree(`${second}^{tree}`, "never pushed");
    const { exitCode, output } = await publish(unpushed);
    expect(exitCode).toBe(1);
    expect(output).toMatch(/^frontend: the commit is there but no branch or tag reaches it: it was not pushed$/m);
    expect(output).toContain("allowed: a commit that a pushed branch or tag reaches");
    expect(await registryDigest(unpushed)).toBe("");
  });

  test("a commit without the Dockerfile", async () => {
    const branch = "refs/heads/test/no-dockerfile";
    const empty = await git(["hash-object", "-t", "tree", "-w", "/dev/null"]);
    const without = await commitTree(empty, "no Dockerfile");
    await git(["update-ref", branch, without]);
    try {
      const { exitCode, output } = await publish(without);
      expect(exitCode).toBe(1);
      expect(output).toMatch(/^frontend: the commit has no such Dockerfile$/m);
      expect(output).toContain(`${without} (src/components/frontend/Dockerfile)`);
    } finally {
      await git(["update-ref", "-d", branch]);
    }
  });

  test("a service that CI.json does not have", async () => {
    const { exitCode, output } = await publish(commit, "--service", "no-such-service");
    expect(exitCode).toBe(2);
    expect(output).toMatch(/^CI\.json has no entry for no-such-service$/m);
    expect(output).toMatch(/^ {2}allowed: .*\bfrontend\b/m);
  });

  test.each(["master", "latest", commit.slice(0, 7), commit.toUpperCase()])(
    "%s, which is no full commit",
    async (name) => {
      const { exitCode, output } = await publish(name);
      expect(exitCode).toBe(2);
      expect(output).toContain(`--commit: found "${name}"; must be a full Git commit: 40 lowercase hex digits`);
    },
  );

  test("a tag that another image has, and leaves that image as it is", async () => {
    await pushByHand("frontend", commit, first, { "org.opencontainers.image.revision": first });
    const digest = await registryDigest(commit);
    const { exitCode, output } = await publish(commit);
    expect(exitCode).toBe(1);
    expect(output).toContain("the tag is taken by another image and is not overwritten");
    expect(output).toContain(
      `frontend: image label org.opencontainers.image.revision: expected ${commit}, found ${first} (looked at ${image}:${commit})`,
    );
    expect(output).toContain(`found:   ${digest}`);
    expect(await registryDigest(commit)).toBe(digest);
  });

  test("a tag that names another service, and leaves that image as it is", async () => {
    const labels = { "org.opencontainers.image.revision": commit, "dev.unidesk.service": "mdtodo" };
    await pushByHand("frontend", commit, first, labels);
    const digest = await registryDigest(commit);
    const { exitCode, output } = await publish(commit);
    expect(exitCode).toBe(1);
    expect(output).toContain(
      `frontend: image label dev.unidesk.service: expected frontend, found mdtodo (looked at ${image}:${commit})`,
    );
    expect(await registryDigest(commit)).toBe(digest);
  });

  test("to begin while the registry is stopped: infra-blocked", async () => {
    await withRegistryStopped(async () => {
      const plain = await publish(commit);
      expect(plain.exitCode).toBe(3);
      expect(plain.output).toMatch(/^infra-blocked: d601 127\.0\.0\.1:5000: the registry does not answer$/m);
      expect(plain.output).toMatch(/^ {2}remedy: {2}npx unidesk registry health$/m);

      const json = await publish(commit, "--json");
      expect(json.exitCode).toBe(3);
      expect(JSON.parse(json.stdout)).toMatchObject({
        ok: false,
        decision: "infra-blocked",
        missingChannels: ["d601:registry"],
        error: { what: "d601 127.0.0.1:5000: the registry does not answer" },
      });
    });
    expect((await publish(commit)).exitCode, "the next publish").toBe(0);
  });
});

function publish(name: string, ...more: string[]) {
  return site.unidesk(["artifact", "publish", "--service", "frontend", "--commit", name, ...more]);
}

/** The `key  value` lines of the human output. */
function fields(stdout: string): Record<string, string> {
  return Object.fromEntries(
    lines(stdout)
      .slice(1)
      .map((line) => line.split(/ {2,}/)),
  );
}

/** What the registry names by a tag; empty where it has no such tag. */
async function registryDigest(tag: string): Promise<string> {
  const type = "application/vnd.docker.distribution.manifest.v2+json";
  const url = `http://127.0.0.1:${registry.port}/v2/unidesk/frontend/manifests/${tag}`;
  const headers = await labExec("d601", `curl -sfI -H 'Accept: ${type}' ${url} || true`);
  return /^docker-content-digest: (\S+)/im.exec(headers)?.[1] ?? "";
}

async function labelsOf(reference: string): Promise<unknown> {
  await labExec("d601", ["docker", "pull", "-q", reference]);
  return JSON.parse(await labExec("d601", ["docker", "image", "inspect", "-f", "{{json .Config.Labels}}", reference]));
}

function git(args: readonly string[]): Promise<string> {
  return labExec("d601", ["git", "-C", bareRepository, ...args], { user: "ubuntu" });
}

/** A commit object that no reference reaches; the same at every run. */
function commitTree(tree: string, message: string): Promise<string> {
  const person = ["NAME=Test", "EMAIL=test@unidesk.example", "DATE=1750000000 +0000"];
  const variables = ["AUTHOR", "COMMITTER"].flatMap((role) => person.map((entry) => `GIT_${role}_${entry}`));
  const command = ["git", "-C", bareRepository, "commit-tree", "-m", message, tree];
  return labExec("d601", ["env", ...variables, ...command], { user: "ubuntu" });
}
