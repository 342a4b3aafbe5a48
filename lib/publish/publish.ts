import type { BuildArtifact } from "../config/ci-file.ts";
import { repositoryName } from "../config/ci-file.ts";
import type { Site } from "../config/site.ts";
import type { Commit } from "../config/values.ts";
import { exitCodes, InfraBlockedError, UserError } from "../errors.ts";
import { hostPaths } from "../host-paths.ts";
import { imageLabels, provenanceLabels } from "../labels.ts";
import type { Artifact, RegistryClient } from "../registry/client.ts";
import { bridgeRestart } from "../registry/patience.ts";
import { fetchRemedy } from "../source/fetch.ts";
import { lastLines, type RemoteResult, runScript } from "../ssh/run.ts";
import { judgeImageLabels } from "../verdicts/image-labels.ts";
import { renderReasons } from "../verdicts/verdict.ts";
import {
  alreadyPublished,
  buildRefusals,
  buildScript,
  checkScript,
  publisherTakesLong,
  publisherWaitSeconds,
  pushFailed,
  registrySilent,
} from "./build-script.ts";
import { pruneTakesLong, pruneWaitSeconds } from "./publisher-lock.ts";
import { recordArtifact } from "./record.ts";

/** What a producer hands over; the fields are a contract. */
export interface ArtifactSummary {
  readonly serviceId: string;
  readonly sourceCommit: string;
  readonly sourceRepo: string;
  readonly dockerfile: string;
  readonly imageRef: string;
  readonly tag: string;
  readonly digest: string;
  readonly digestRef: string;
}

export interface PublishResult {
  readonly summary: ArtifactSummary;
  /** False where the registry already had the commit's artifact. */
  readonly built: boolean;
}

/** How long the registry may be away in the middle of a publish, in seconds; a restart takes 4. */
const patienceSeconds = 60;

/** For everything that the script waits for, and half an hour for the build itself and the push. */
const timeoutSeconds = publisherWaitSeconds + pruneWaitSeconds + 2 * patienceSeconds + 1800;

/** For a look at the commit on D601; a large repository takes a while. */
const checkSeconds = 120;

/**
 * Publishes one commit of one service: built on D601 from a pushed commit, or reused as it is where the commit may be
 * published and the registry has the whole artifact. A registry that restarts meanwhile is waited for; one that stays
 * away ends it, with no tag left behind.
 */
export async function publishArtifact(
  site: Site,
  registry: RegistryClient,
  build: BuildArtifact,
  commit: Commit,
  onProgress: (line: string) => void,
): Promise<PublishResult> {
  const repository = repositoryName(build.serviceId);
  await requirePublishable(site, build, commit);
  for (let again = true; ; again = false) {
    // Where this cannot be told the script finds out: it looks again under the lock, and waits.
    const existing = await registry.artifact(repository, commit).catch((error: unknown) => {
      if (error instanceof InfraBlockedError) return undefined;
      throw error;
    });
    const built = existing ? false : await buildAndPush(site, build, commit, onProgress);
    const artifact = existing ?? (await bridgeRestart(() => registry.artifact(repository, commit), patienceSeconds));
    const own = artifact && requireOwn(build, commit, artifact);
    const whole = own && (built || (await isWhole(registry, build, commit, own)));
    const summary = whole && summarize(imageName(site, build), build, commit, own);
    if (summary && (await record(site, summary))) return { summary, built };
    // What was there to be reused, a prune may have taken away meanwhile.
    if (built || !again) throw lost(build, commit);
    onProgress("the artifact went away meanwhile; building it");
  }
}

/** What is reused must be as publishable as what is built: a pushed commit, with everything that its image is made of. */
async function requirePublishable(site: Site, build: BuildArtifact, commit: Commit): Promise<void> {
  const args = [bareRepository(site, build), commit, build.dockerfile];
  const result = await runScript(site.connections.d601, checkScript, args, { timeoutSeconds: checkSeconds });
  if (result.exitCode !== 0) throw failureOf(site, build, commit, result);
}

/** Returns false where another publisher was faster. */
async function buildAndPush(
  site: Site,
  build: BuildArtifact,
  commit: Commit,
  onProgress: (line: string) => void,
): Promise<boolean> {
  const host = site.connections.d601;
  const paths = hostPaths(host, site.registry.name);
  const repository = repositoryName(build.serviceId);
  const args = [
    `${paths.locks}/publish-${build.serviceId}`,
    bareRepository(site, build),
    commit,
    build.dockerfile,
    `${imageName(site, build)}:${commit}`,
    manifestUrl(site, repository, commit),
    `${paths.registry.storage}/docker/registry/v2/repositories/${repository}/_manifests/tags/${commit}/current/link`,
    String(patienceSeconds),
    ...Object.entries(labelsOf(build, commit)).map(([key, value]) => `${key}=${value}`),
  ];
  const result = await runScript(host, buildScript, args, { timeoutSeconds, onProgress });
  if (result.exitCode === 0) return true;
  if (result.exitCode === alreadyPublished) return false;
  throw failureOf(site, build, commit, result);
}

/** All but the time, which D601's copy of the repository knows. */
function labelsOf(build: BuildArtifact, commit: Commit): Record<string, string> {
  return {
    [imageLabels.revision]: commit,
    [imageLabels.source]: build.sourceRepo,
    [imageLabels.service]: build.serviceId,
    [provenanceLabels.title]: build.serviceId,
    [provenanceLabels.version]: commit,
    [provenanceLabels.dockerfile]: build.dockerfile,
  };
}

function failureOf(site: Site, build: BuildArtifact, commit: Commit, { exitCode, stderr }: RemoteResult): UserError {
  const refusal = buildRefusals[exitCode];
  if (refusal) {
    // Of the last two the script names a file.
    const file = exitCode === 29 || exitCode === 30 ? `, such as ${lastLines(stderr, 1)}` : "";
    return new UserError({
      what: `${build.serviceId}: ${refusal}`,
      found: `${commit} (${build.dockerfile}) of ${build.sourceRepo}${file}`,
      ...refusalHelp(exitCode, build, bareRepository(site, build)),
    });
  }
  if (exitCode === registrySilent) {
    return new InfraBlockedError(
      {
        what: `${build.serviceId}: the registry did not say within ${patienceSeconds} s whether it has the commit; nothing was built`,
        found: lastLines(stderr, 1),
        remedy: "npx unidesk registry health, then publish again",
      },
      ["d601:registry"],
    );
  }
  if (exitCode === publisherTakesLong) {
    return new UserError({
      what: `${build.serviceId}: another publisher of the service is not done; nothing was built`,
      found: lastLines(stderr, 1),
      remedy: "wait for the other publisher, then publish again: what it published is reused",
    });
  }
  if (exitCode === pruneTakesLong) {
    return new InfraBlockedError(
      {
        what: `${build.serviceId}: the image is built, but a prune keeps the registry read-only; its tag is not there`,
        found: lastLines(stderr, 1),
        remedy: "wait for the prune to end: npx unidesk registry status; then publish again",
      },
      ["d601:registry"],
    );
  }
  const pushing = exitCode === pushFailed;
  return new UserError({
    what: pushing
      ? `${build.serviceId}: the image is built, but the registry did not take it; its tag is not there`
      : `${build.serviceId}: the build on d601 failed (exit ${exitCode})`,
    found: lastLines(stderr, 8),
    ...(pushing ? { remedy: "npx unidesk registry health, then publish again: layers that arrived are kept" } : {}),
  });
}

function refusalHelp(exitCode: number, { serviceId, dockerfile }: BuildArtifact, clone: string) {
  switch (exitCode) {
    case 22:
      return {
        allowed: `a commit that has ${dockerfile}, CI.json's dockerfile of ${serviceId}`,
        remedy: "correct dockerfile in CI.json, or publish a commit that has it",
      };
    case 29:
      return {
        allowed: "a commit that holds every file of its image",
        remedy:
          "put the files in the repository itself, or have the Dockerfile fetch them by their commit, and publish that",
      };
    case 30:
      return {
        allowed: "a commit that holds every file of its image",
        remedy:
          "take the files out of Git LFS, or have the Dockerfile fetch them by their digest, and publish that commit",
      };
    case 31:
      return {
        allowed: "a whole clone",
        remedy: `on d601 put a whole one in its place: git clone --mirror URL ${clone}, without --filter`,
      };
    default:
      return { allowed: "a commit that a pushed branch or tag reaches", remedy: fetchRemedy(clone) };
  }
}

/** Name to push under: CI.json's, on the port that this site's registry listens on. */
function imageName(site: Site, build: BuildArtifact): string {
  return `${site.registry.address}:${site.registry.port}/${repositoryName(build.serviceId)}`;
}

function bareRepository(site: Site, build: BuildArtifact): string {
  const path = site.hosts.d601.git[build.sourceRepo];
  if (path) return path;
  throw new UserError(
    {
      what: `cdktf.json: context.hosts.d601.git has no path for the source repository of ${build.serviceId}`,
      found: build.sourceRepo,
      allowed: Object.keys(site.hosts.d601.git).join(", ") || "none yet",
      remedy: "add the repository's URL with the path of its bare clone on D601: git clone --mirror URL PATH",
    },
    exitCodes.usage,
  );
}

/** A commit tag is never overwritten: one with another content is somebody else's and is refused. */
function requireOwn(build: BuildArtifact, commit: Commit, artifact: Artifact): Artifact {
  const where = `${build.imageRef}:${commit}`;
  const verdict = judgeImageLabels({ service: build.serviceId, commit }, artifact.labels, where);
  if (verdict.ok) return artifact;
  throw new UserError({
    what: `the tag is taken by another image and is not overwritten\n${renderReasons(build.serviceId, verdict.reasons)}`,
    found: artifact.digest,
    remedy: "find out who pushed it; publish a new commit",
  });
}

/**
 * The registry may have lost a layer of what it has a manifest of: that can be pulled nowhere, and is refused. False
 * where the tag is gone too, as a prune leaves it.
 */
async function isWhole(
  registry: RegistryClient,
  build: BuildArtifact,
  commit: Commit,
  { digest, layers }: Artifact,
): Promise<boolean> {
  const repository = repositoryName(build.serviceId);
  const missing = await bridgeRestart(() => registry.missingBlobs(repository, layers), patienceSeconds);
  if (missing.length === 0) return true;
  const stillThere = await bridgeRestart(() => registry.manifestDigest(repository, commit), patienceSeconds);
  if (!stillThere) return false;
  throw new UserError({
    what: `${build.imageRef}:${commit} is published, but the registry lost ${missing.length} of its ${layers.length} layers`,
    found: `${digest} without ${missing.map((layer) => layer.digest).join(", ")}`,
    allowed: "a whole image: a tag is never overwritten, for a new build may have another digest than the pinned one",
    remedy: "restore these blobs of the registry's storage on d601 from a backup; or publish a new commit and pin that",
  });
}

function summarize(image: string, build: BuildArtifact, commit: Commit, artifact: Artifact): ArtifactSummary {
  return {
    serviceId: build.serviceId,
    sourceCommit: commit,
    sourceRepo: build.sourceRepo,
    dockerfile: build.dockerfile,
    imageRef: `${image}:${commit}`,
    tag: commit,
    digest: artifact.digest,
    digestRef: `${image}@${artifact.digest}`,
  };
}

function lost(build: BuildArtifact, commit: Commit): UserError {
  return new UserError({
    what: `${build.serviceId}: the registry lost ${build.imageRef}:${commit} right after the push`,
    remedy: "npx unidesk registry health, then publish again",
  });
}

/** False where the registry does not have it any more. */
function record(site: Site, summary: ArtifactSummary): Promise<boolean> {
  const host = site.connections.d601;
  const { artifacts, locks } = hostPaths(host);
  const { serviceId, tag } = summary;
  return recordArtifact(host, {
    locks,
    file: `${artifacts}/${serviceId}/${tag}.json`,
    manifestUrl: manifestUrl(site, repositoryName(serviceId), tag),
    patienceSeconds,
    text: `${JSON.stringify(summary, null, 2)}\n`,
  });
}

/** As d601 itself asks for it. */
function manifestUrl({ registry }: Site, repository: string, tag: string): string {
  return `http://127.0.0.1:${registry.port}/v2/${repository}/manifests/${tag}`;
}
