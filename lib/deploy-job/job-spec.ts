import { randomBytes } from "node:crypto";
import { deployKeyPrefix } from "../catalog/index.ts";
import { fingerprintPath } from "../compose/resolved.ts";
import { imageRepository } from "../config/ci-file.ts";
import type { Connection } from "../config/hosts.ts";
import { provenDigest } from "../delivery/delivered.ts";
import { type HistoryContext, historyFields } from "../history/fields.ts";
import { hostPaths } from "../host-paths.ts";
import { deployLabels } from "../labels.ts";
import type { ObservedImage } from "../observe/compose.ts";
import { shellQuote } from "../ssh/quote.ts";
import type { StepContext, StepSpecs } from "../steps/specs.ts";

/** What a deploy job is asked to do. */
export interface JobRequest {
  readonly spec: StepSpecs["compose-deployment"];
  readonly image: ObservedImage;
  /** Recreates the container whatever it looks like. */
  readonly force: boolean;
}

/** How long a deployment waits for another one, in seconds; waiting for those of its own run does not count. */
export const lockWaitSeconds = 300;

/**
 * How much later than the health deadline a job gives up by itself: the runner's last look takes its time, and on a host
 * where many services start at once that is many seconds.
 */
export const confirmSlackSeconds = 10;

/** How long what ran before may at least take to answer again, in seconds. */
export const leastSecondsToGoBack = 60;

/** Sorts by time. */
export function newJobId(): string {
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "");
  return `${time}-${randomBytes(4).toString("hex")}`;
}

/** The job's spec as shell assignments; no value of it is a secret. */
export function renderJobSpec(id: string, host: Connection, request: JobRequest, context: JobContext): string {
  const { spec, image, force } = request;
  const { artifact, target } = spec;
  const paths = hostPaths(host);
  const digest = provenDigest(image) ?? artifact.digest;
  const values: Record<string, string> = {
    service: artifact.service,
    commit: artifact.commit,
    run: context.runId,
    operator: context.operator,
    project: target.project,
    root: target.root,
    compose_file: target.file,
    env_file_path: "path" in target.envFile ? target.envFile.path : "",
    config_json: "configJson" in target.envFile ? target.envFile.configJson : "",
    compose_service: target.composeService,
    container: target.container,
    stable: target.stableImage,
    image_id: image.id,
    prefix: deployKeyPrefix(artifact.service),
    keys: deployKeyLines(spec, digest).join("\n"),
    labels: target.deployLabels ? containerLabels(spec, digest).join(" ") : "",
    fingerprint_file: fingerprintPath(host.home, target.project, target.composeService),
    lock: `${paths.locks}/compose-${target.project}`,
    lock_wait: String(lockWaitSeconds),
    health_port: String(target.health.port),
    health_path: target.health.path,
    health_deadline: String(target.health.deadlineSeconds),
    confirm_slack: String(confirmSlackSeconds),
    history_file: `${paths.history}/${artifact.service}.jsonl`,
    history_fields: historyFields({ id, spec, record: image.record, digest }, context),
    force: force ? "force" : "",
  };
  return Object.entries(values)
    .map(([name, value]) => `${name}=${shellQuote(value)}\n`)
    .join("");
}

export type JobContext = Pick<StepContext, "runId"> & HistoryContext;
type Spec = JobRequest["spec"];

/** The keys that a deployment owns in the controlled env file. */
function deployKeyLines({ artifact }: Spec, digest: string | undefined): string[] {
  const prefix = deployKeyPrefix(artifact.service);
  const values = {
    COMMIT: artifact.commit,
    REQUESTED_COMMIT: artifact.commit,
    DIGEST: digest ?? "",
    IMAGE: `${imageRepository(artifact.service)}:${artifact.commit}`,
  };
  return Object.entries(values).map(([key, value]) => `${prefix}${key}=${value}`);
}

function containerLabels({ artifact }: Spec, digest: string | undefined): string[] {
  const values = {
    [deployLabels.service]: artifact.service,
    [deployLabels.commit]: artifact.commit,
    [deployLabels.requestedCommit]: artifact.commit,
    ...(digest ? { [deployLabels.digest]: digest } : {}),
  };
  return Object.entries(values).map(([key, value]) => `${key}=${value}`);
}
