import type { Connection } from "../config/hosts.ts";
import { InfraBlockedError, UserError } from "../errors.ts";
import { hostPaths } from "../host-paths.ts";
import type { Artifact } from "../registry/client.ts";
import { mustRun } from "../ssh/script.ts";
import type { WantedArtifact } from "../verdicts/artifact.ts";
import { dockerNeed, requireRoom } from "./disk-gate.ts";
import { measureFetched, nothingPulled, type Transfer } from "./measured.ts";
import { missingLayers, readTargetLayers, renderMissing } from "./missing-layers.ts";
import { PullProgress } from "./pull-progress.ts";
import { pullScript } from "./pull-script.ts";
import { PullStatement } from "./pull-statement.ts";
import { pinnedReference, referenceOf } from "./reference.ts";
import type { DeliveryRoute } from "./route.ts";

/** More than the script's own bounds: waiting for the lock, then the pull. */
const timeoutSeconds = 1500;

export interface PullRequest {
  readonly target: Connection;
  readonly wanted: WantedArtifact;
  readonly artifact: Artifact;
  readonly stableImage: string;
  /** On the registry's own host the registry's name stays: Terraform's docker_image looks for it. */
  readonly keepReference: boolean;
}

export interface Pulled {
  readonly imageId: string;
  readonly transfer: Transfer;
}

/** Brings an image to the target and names it; refuses before the pull where the disk cannot hold it. */
export async function pullImage(
  request: PullRequest,
  route: DeliveryRoute,
  say: (line: string) => void,
): Promise<Pulled> {
  const { target, wanted, artifact, stableImage, keepReference } = request;
  const { service, repository, commit } = wanted;
  const held = await readTargetLayers(target);
  const lacking = missingLayers(artifact, held);
  say(renderMissing(lacking));
  const gated = [{ service, repository, artifact }];
  await requireRoom("nothing was pulled", target.name, [dockerNeed(held, gated)], route.client);
  const reference = keepReference
    ? pinnedReference(route.port, wanted)
    : referenceOf(route.port, repository, artifact.digest);
  const lock = `${hostPaths(target).locks}/delivery-${service}`;
  const ids = [artifact.configDigest, artifact.manifestDigest, artifact.digest];
  const args = [lock, reference, `${stableImage}:${commit}`, keepReference ? "keep" : "drop", ...ids];
  const started = Date.now();
  const seconds = () => (Date.now() - started) / 1000;
  const progress = new PullProgress();
  const statement = new PullStatement();
  const pass = (line: string | undefined) => {
    if (line !== undefined) say(line);
  };
  const silence = setInterval(() => pass(progress.silence(seconds())), 1000);
  try {
    const output = await mustRun(target, `pull ${repository}@${artifact.digest}`, pullScript, args, {
      timeoutSeconds,
      lifeline: route.lost,
      onProgress: (line) => {
        statement.line(line);
        pass(progress.line(line));
      },
    });
    const took = seconds();
    const [, there, imageId = "", began = "", named] =
      /^(already there )?(\S+)(?: (\d+)( named)?)?$/.exec(output.trim()) ?? [];
    if (there) {
      say(`${repository}@${artifact.digest} was already there`);
      // On the registry's own host somebody else may have fetched it for this apply: Terraform's Docker provider.
      return { imageId, transfer: keepReference ? { seconds: 0 } : nothingPulled };
    }
    const circumstances = { namesEveryLayer: held.exact, imageWasThere: named !== undefined };
    const fetched = statement.fetched(artifact, circumstances);
    const measurement = { host: target, store: "docker", began, fetched, expectedBytes: lacking.bytes } as const;
    const bytes = await measureFetched(measurement, say);
    say(`delivered ${artifact.digest} in ${took.toFixed(1)} s`);
    return { imageId, transfer: { bytes, seconds: Math.round(took * 10) / 10 } };
  } catch (error) {
    throw await causeOf(error, route);
  } finally {
    clearInterval(silence);
  }
}

/** Docker only says that its connection broke; what broke is known here. */
async function causeOf(error: unknown, route: DeliveryRoute): Promise<unknown> {
  if (error instanceof InfraBlockedError) return error;
  if (!route.lost.aborted) {
    const silent = await route.client.ping().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(silent instanceof InfraBlockedError)) return error;
    if (!route.lost.aborted) return silent;
  }
  return route.lost.reason instanceof UserError ? route.lost.reason : error;
}
