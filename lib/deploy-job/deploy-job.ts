import type { Connection } from "../config/hosts.ts";
import { type Problem, UserError } from "../errors.ts";
import { type HistoryEntry, historyResults } from "../history/entry.ts";
import { hostPaths } from "../host-paths.ts";
import { lastLines, type RemoteOptions, type RemoteResult, runScript } from "../ssh/run.ts";
import { bootUnit, bootUnitName, endAllPendingPath, endAllPendingScript } from "./boot-unit.ts";
import { deployJobScript } from "./job-script.ts";
import {
  type JobContext,
  type JobRequest,
  leastSecondsToGoBack,
  lockWaitSeconds,
  newJobId,
  renderJobSpec,
} from "./job-spec.ts";
import { decideScript, startJobScript } from "./start-script.ts";

/**
 * How a job ended; `unrecorded` where it is deployed and the history could not be written, `unknown` where its host said
 * nothing more of it.
 */
export interface JobEnd {
  readonly result: HistoryEntry["result"] | "refused" | "unrecorded" | "unknown";
  /** The sentence for people. */
  readonly text: string;
}

/** What a started job waits for. */
export type JobState = "ready" | "unchanged" | JobEnd;

/** The job never began, or ended before it changed anything. */
export class JobRefusedError extends UserError {}

/** One deployment as a job on its host, as seen by the runner that decides about it. */
export class DeployJob {
  readonly id = newJobId();
  private readonly folder: string;
  private readonly unit: string;

  constructor(
    private readonly host: Connection,
    private readonly request: JobRequest,
    private readonly context: JobContext & { say(line: string): void },
  ) {
    const { target } = request.spec;
    this.folder = `${hostPaths(host).deployJobs}/${target.project}/${target.composeService}`;
    this.unit = `unidesk-deploy-${target.composeService}.service`;
  }

  /** Starts the job and follows it until the new container is there to be verified, or it ended. */
  async start(): Promise<JobState> {
    const { host, request, context } = this;
    const { service } = request.spec.artifact;
    const args = [
      this.folder,
      this.id,
      service,
      this.unit,
      context.runId,
      String(lockWaitSeconds),
      host.user,
      endAllPendingPath(host),
      bootUnitName,
    ];
    const files = [
      deployJobScript,
      renderJobSpec(this.id, host, request, context),
      endAllPendingScript,
      bootUnit(host),
    ];
    const input = files.map((text) => `${Buffer.from(text).toString("base64")}\n`).join("");
    const { exitCode, stdout, stderr } = await this.run(startJobScript, args, { input, timeoutSeconds: 3000 });
    if (exitCode !== 0) throw new JobRefusedError(this.problem(exitCode, stderr));
    const state = this.parse(stdout);
    if (typeof state === "object" && state.result === "refused") {
      throw new JobRefusedError(this.problem(Number(/\d+/.exec(stdout)), stderr));
    }
    return state;
  }

  /** Confirms the new container or asks for the old one back, and waits for the job's end. */
  async decide(decision: "confirm" | "abort", reason = ""): Promise<JobEnd> {
    const { deadlineSeconds } = this.request.spec.target.health;
    const bound = 2 * lockWaitSeconds + Math.max(deadlineSeconds, leastSecondsToGoBack);
    const oneLine = reason.replaceAll(/[^ -~]+/g, " ").slice(0, 300);
    const args = [this.folder, this.id, this.unit, decision, oneLine, String(bound)];
    const { exitCode, stdout, stderr } = await this.run(decideScript, args, { timeoutSeconds: bound + 60 });
    if (exitCode !== 0) throw new UserError(this.problem(exitCode, stderr));
    const state = this.parse(stdout.slice(stdout.indexOf("\n") + 1));
    return typeof state === "object" ? state : { result: "refused", text: "nothing was changed" };
  }

  private run(script: string, args: readonly string[], options: RemoteOptions): Promise<RemoteResult> {
    return runScript(this.host, script, args, { ...options, onProgress: (line) => this.context.say(line) });
  }

  private problem(exitCode: number, stderr: string): Problem {
    return {
      what: `${this.host.name}: could not deploy ${this.request.spec.artifact.service} (exit ${exitCode})`,
      found: lastLines(stderr, 8) || "no output on standard error",
    };
  }

  private parse(line: string): JobState {
    const [word = "", result = "", ...text] = line.trim().split(" ");
    if (word === "@ready") return "ready";
    if (word === "@unchanged") return "unchanged";
    if (word === "@refused") return { result: "refused", text: "nothing was changed" };
    const known = [...historyResults, "unrecorded" as const].find((candidate) => candidate === result);
    if (word === "@ended" && known) return { result: known, text: text.join(" ") };
    return {
      result: "unknown",
      text: `the deploy job ended without a word; ssh to ${this.host.name} and read: ${this.folder}/${this.id}/log`,
    };
  }
}
