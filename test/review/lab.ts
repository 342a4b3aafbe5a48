import { readFileSync } from "node:fs";
import { afterAll, beforeAll } from "vitest";
import { type HostName, labCommits, labExec } from "../../lab/index.ts";
import { containerdRecordPath } from "../../lib/kubernetes/containerd.ts";
import { clusterImage } from "../../lib/kubernetes/target.ts";
import { Receipt } from "../../lib/review/receipt.ts";
import { ReviewReport, type ServiceReview } from "../../lib/review/report.ts";
import {
  d601Stack,
  home,
  LabSite,
  lines,
  mainServerStack,
  type Outcome,
  type RunOptions,
  registry,
  registryStack,
} from "../lab-support.ts";
import { forgetReviews, receiptsOf } from "../left-reviews.ts";

const { first, second, third } = labCommits.unidesk;

/** Two services of each Compose host and one of the cluster, as the checkout pins them. */
export const basePins = Object.fromEntries(
  ["frontend", "project-manager", "findjob", "pipeline", "mdtodo"].map((service) => [service, { commit: second }]),
);
/** The stacks that they are in. */
export const stacks = [mainServerStack, d601Stack] as const;

export interface Reviewed extends Outcome {
  readonly report: ReviewReport;
}

/** The real commands over a handful of services; whatever they leave in the checkout goes away with the file. */
export class ReviewLab {
  readonly site = new LabSite();

  constructor(private readonly state: string) {}

  options(pins: Readonly<Record<string, unknown>> = {}, more: RunOptions = {}): RunOptions {
    const all = { ...basePins, ...pins };
    const present = Object.fromEntries(Object.entries(all).filter(([, pin]) => pin !== undefined));
    return { pins: present, state: this.state, ...more };
  }

  async open(): Promise<void> {
    await this.site.open();
    this.site.removeState(this.state);
    forgetReviews(this.site.target(this.state));
    await this.site.deploy(registryStack, { state: "restore" });
    await this.site.publishMissing(
      Object.keys(basePins).flatMap((service) => [first, second, third].map((commit) => ({ service, commit }))),
    );
    await this.reset();
  }

  /** Everything as `basePins` say, whatever a test left. */
  async reset(): Promise<void> {
    await this.site.deploy(stacks.join(" "), this.options());
  }

  async close(): Promise<void> {
    try {
      await this.reset();
    } finally {
      await this.site.close();
    }
  }

  /** A review of both stacks, or of the named ones; a report is expected whatever it decides. */
  async review(options: RunOptions = this.options(), names: readonly string[] = stacks): Promise<Reviewed> {
    const outcome = await this.site.unidesk(["review", ...names, "--json"], options);
    const report = ReviewReport.safeParse(parse(outcome.stdout));
    if (!report.success) throw new Error(`unidesk review printed no report (${outcome.exitCode}):\n${outcome.output}`);
    return { ...outcome, report: report.data };
  }

  apply(reviewed: string, options: RunOptions = this.options(), names: readonly string[] = []): Promise<Outcome> {
    return this.site.unidesk(["apply", ...names, "--reviewed", reviewed], options);
  }

  /** An apply that must come to a receipt; returns it. */
  async receipt(reviewed: string, options: RunOptions, names: readonly string[] = []): Promise<Receipt> {
    const outcome = await this.site.unidesk(["apply", ...names, "--reviewed", reviewed, "--json"], options);
    const receipt = Receipt.safeParse(parse(outcome.stdout));
    if (!receipt.success) throw new Error(`apply left no receipt (${outcome.exitCode}):\n${outcome.output}`);
    return receipt.data;
  }

  /** Files of the receipts that this file's applies left. */
  receipts(): string[] {
    return receiptsOf(this.site.target(this.state));
  }
}

export function useReviewLab(state: string): ReviewLab {
  const lab = new ReviewLab(state);
  beforeAll(() => lab.open(), 400_000);
  afterAll(() => lab.close());
  return lab;
}

export function serviceOf({ services }: ReviewReport, name: string, environment = "prod"): ServiceReview {
  const found = services.find((one) => one.service === name && one.environment === environment);
  if (!found) throw new Error(`${environment}/${name} is not in the report`);
  return found;
}

/**
 * Takes a commit's image, its names and the record of its delivery off a host; also the manifests that Docker keeps of a
 * service for a while, so that the next pull is one of an image that was never there.
 */
export async function removeImage(host: HostName, service: string, commit: string): Promise<void> {
  const script = `
docker image ls -q --filter "label=org.opencontainers.image.revision=$2" --filter "label=dev.unidesk.service=$1" | sort -u | xargs -r docker rmi -f >/dev/null
ctr -n moby content ls | grep -E "unidesk/$1(,|[[:space:]]|$)" | cut -f 1 | xargs -r ctr -n moby content rm >/dev/null || true
rm -f /home/ubuntu/.unidesk/deliveries/$1/$2.json`;
  await labExec(host, ["bash", "-ceu", script, "remove", service, commit]);
}

/** The same for containerd's store, which may have lost the commit's name and kept the image. */
export async function removeFromContainerd(service: string, commit: string): Promise<void> {
  const script = `
ctr() { command ctr -a /run/k3s/containerd/containerd.sock -n k8s.io "$@"; }
named=$(ctr images ls | awk -v name="$1" '$1 == name { print $3 }')
published=$(jq -r .digest "$2")
names=$(ctr images ls | awk -v named="$named" -v published="$published" '$3 == named || $3 == published { print $1 }')
[ -z "$names" ] || ctr images rm --sync $names >/dev/null
rm -f "$3"`;
  const image = clusterImage(registry.port, service, commit);
  const published = `${home}/.unidesk/artifacts/${service}/${commit}.json`;
  const delivered = containerdRecordPath({ home }, service, commit);
  await labExec("d601", ["bash", "-ceu", script, "remove", image, published, delivered]);
}

/**
 * Bytes that the registry's own access log says it sent to Docker and containerd while `use` ran, by service. What this
 * project's programs ask for manifests with is not counted.
 */
export async function sentBytes(use: () => Promise<unknown>): Promise<Readonly<Record<string, number>>> {
  const since = (await labExec("d601", "date -u +%Y-%m-%dT%H:%M:%S.%NZ")).trim();
  await use();
  const log = lines(await labExec("d601", `docker logs --since ${since} ${registry.name} 2>&1`));
  const sent: Record<string, number> = {};
  for (const line of log) {
    const field = (name: string) => new RegExp(`${name}="?([^" ]*)`).exec(line)?.[1] ?? "";
    const service = /^\/v2\/unidesk\/([^/]+)\/(?:manifests|blobs)\//.exec(field("http\\.request\\.uri"))?.[1];
    if (!service || field("http\\.request\\.method") !== "GET") continue;
    if (!/^(docker|containerd)\//.test(field("http\\.request\\.useragent"))) continue;
    sent[service] = (sent[service] ?? 0) + Number(field("http\\.response\\.written"));
  }
  return sent;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, "utf8"));
}
