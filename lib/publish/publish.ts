import type { BuildArtifact } from "../config/ci-file.ts";
import { repositoryName } from "../config/ci-file.ts";
import type { Site } from "../config/site.ts";
import type { Commit } from "../config/values.ts";
import { exitCodes, UserError } from "../errors.ts";
import { hostPaths } from "../host-paths.ts";
import { imageLabels } from "../labels.ts";
import type { Artifact } from "../registry/client.ts";
import { withRegistry } from "../registry/open.ts";
import { lastLines, runScript } from "../ssh/run.ts";
import { writeRemoteFile } from "../ssh/write-file.ts";
import { judgeImageLabels } from "../verdicts/image-labels.ts";
import { renderReasons } from "../verdicts/verdict.ts";
import { alreadyPublished, buildRefusals, buildScript } from "./build-script.ts";

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

/** Publishes one commit of one service: built on D601 from a pushed commit, or reused as it is. */
export async function publishArtifact(
  site: Site,
  build: BuildArtifact,
  commit: Commit,
  onProgress: (line: string) => void,
): Promise<PublishResult> {
  const host = site.connections.d601;
  const repository = repositoryName(build.serviceId);
  return withRegistry(host, site.registry.port, async (registry) => {
    await registry.ping();
    const existing = await registry.artifact(repository, commit);
    const built = existing ? false : await buildAndPush(site, build, commit, onProgress);
    const artifact = existing ?? (await registry.artifact(repository, commit));
    const summary = summarize(imageName(site, build), build, commit, requireOwn(build, commit, artifact));
    await record(site, summary);
    return { summary, built };
  });
}

/** Returns false where another publisher was faster. */
async function buildAndPush(
  site: Site,
  build: BuildArtifact,
  commit: Commit,
  onProgress: (line: string) => void,
): Promise<boolean> {
  const host = site.connections.d601;
  const { port } = site.registry;
  const args = [
    `${hostPaths(host).locks}/publish-${build.serviceId}`,
    bareRepository(site, build),
    commit,
    build.dockerfile,
    `${imageName(site, build)}:${commit}`,
    `http://127.0.0.1:${port}/v2/${repositoryName(build.serviceId)}/manifests/${commit}`,
    `${imageLabels.revision}=${commit}`,
    `${imageLabels.source}=${build.sourceRepo}`,
    `${imageLabels.service}=${build.serviceId}`,
  ];
  const result = await runScript(host, buildScript, args, { timeoutSeconds: 1800, onProgress });
  if (result.exitCode === 0) return true;
  if (result.exitCode === alreadyPublished) return false;
  const refusal = buildRefusals[result.exitCode];
  throw new UserError(
    refusal
      ? {
          what: `${build.serviceId}: ${refusal}`,
          found: `${commit} (${build.dockerfile}) of ${build.sourceRepo}`,
          allowed: "a commit that a pushed branch or tag reaches",
          remedy: "push it to the source repository, and let D601 fetch it",
        }
      : {
          what: `${build.serviceId}: the build on d601 failed (exit ${result.exitCode})`,
          found: lastLines(result.stderr, 8),
        },
  );
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
      remedy: "add the repository's URL with the path of its bare clone on D601",
    },
    exitCodes.usage,
  );
}

/** A commit tag is never overwritten: one with another content is somebody else's and is refused. */
function requireOwn(build: BuildArtifact, commit: Commit, artifact: Artifact | undefined): Artifact {
  const where = `${build.imageRef}:${commit}`;
  if (!artifact) throw new UserError({ what: `${build.serviceId}: the registry lost ${where} right after the push` });
  const verdict = judgeImageLabels({ service: build.serviceId, commit }, artifact.labels, where);
  if (verdict.ok) return artifact;
  throw new UserError({
    what: `the tag is taken by another image and is not overwritten\n${renderReasons(build.serviceId, verdict.reasons)}`,
    found: artifact.digest,
    remedy: "find out who pushed it; publish a new commit",
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

async function record(site: Site, summary: ArtifactSummary): Promise<void> {
  const host = site.connections.d601;
  const file = `${hostPaths(host).artifacts}/${summary.serviceId}/${summary.tag}.json`;
  await writeRemoteFile(host, file, `${JSON.stringify(summary, null, 2)}\n`);
}
