import { Commit, Digest } from "../../lib/config/values.ts";
import {
  type Extent,
  ReviewReport,
  type ServiceReview,
  type ServiceSide,
  type StackReview,
} from "../../lib/review/report.ts";

/** `a`, `b`, `7`: forty of the same hex digit. */
export const commit = (digit: string): Commit => Commit.parse(digit.repeat(40));
export const digest = (digit: string): Digest => Digest.parse(`sha256:${digit.repeat(64)}`);

/** Fields of one service that differ from a plain forward deployment of `service` on main-server. */
type ServiceChange = { readonly service: string } & {
  readonly [K in keyof Omit<ServiceReview, "service">]?: ServiceReview[K] extends readonly unknown[]
    ? ServiceReview[K]
    : ServiceReview[K] extends object
      ? Partial<ServiceReview[K]>
      : ServiceReview[K];
};

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export function serviceOf(change: ServiceChange): ServiceReview {
  const { service } = change;
  const environment = change.environment ?? "prod";
  const host = change.host ?? "main-server";
  const base: ServiceReview = {
    service,
    environment,
    stack: `unidesk-${environment}-${host}`,
    host,
    runtime: "compose",
    targets: [`unidesk-${service}`],
    action: "deploy",
    reason: "pin changed",
    blockers: [],
    interrupts: true,
    commits: {
      repository: "https://github.com/pikasTech/unidesk",
      live: commit("a"),
      pinned: commit("b"),
      relation: "forward",
      ahead: 1,
      behind: 0,
      releaseLines: ["master"],
      log: [logged("b", `${service}: answer faster`, ["src/components/server.py"])],
      moreCommits: 0,
      note: null,
    },
    digest: { live: digest("1"), pinned: digest("2"), registry: digest("2") },
    transfer: { bytes: 1_400_000, diskBytes: 3_500_000, missingLayers: 1, layers: 7, exact: true },
    time: { seconds: 6, downtimeSeconds: 1.9, samples: 4 },
    hidden: [],
    secrets: [],
    gates: [],
    storage: [],
    approval: { state: "not-needed", detail: null, command: null },
    excludedTargets: [],
    rollback: {
      command: `npx unidesk pin rollback ${service} --env ${environment}`,
      commit: commit("a"),
      imageOnTarget: true,
      imageInRegistry: true,
    },
    changes: [
      {
        address: `null_resource.${service}_deployment`,
        action: "run",
        meaning: `recreates container unidesk-${service}`,
        fields: [{ path: "triggers.commit", before: commit("a"), after: commit("b") }],
      },
    ],
  };
  const merged = Object.entries(change).map(([key, value]) => {
    const before = base[key as keyof ServiceReview];
    return [key, isObject(value) && isObject(before) ? { ...before, ...value } : value];
  });
  return { ...base, ...Object.fromEntries(merged) };
}

/** A service that an apply leaves alone. */
export function stillOf(service: string, change: Omit<ServiceChange, "service"> = {}): ServiceReview {
  return serviceOf({
    service,
    action: "none",
    reason: "as pinned",
    interrupts: false,
    commits: { live: commit("b"), relation: "same", ahead: 0, log: [] },
    transfer: { bytes: 0, diskBytes: 0, missingLayers: 0 },
    changes: [],
    ...change,
  });
}

export function logged(
  digit: string,
  subject: string,
  paths: string[],
  author = "Lin",
): ServiceReview["commits"]["log"][0] {
  return { commit: commit(digit), subject, author, date: "2026-05-04T10:00:00Z", paths, morePaths: 0, taken: false };
}

/** What runs of a service, as its review says it. */
export function sideOf(
  { service, environment, host, stack, action, commits: { pinned, live, relation } }: ServiceReview,
  change: Partial<ServiceSide> = {},
): ServiceSide {
  const state =
    action === "refused" ? "never-applied" : live !== null ? "healthy" : relation === "first" ? "absent" : "unknown";
  return { service, environment, host, stack, pinned, live: { state, commit: live }, ...change };
}

/** A stack whose plan changes something. */
export function stackOf(name: string): StackReview {
  return { name, action: "change", error: null, unchanged: 0, changes: [] };
}

export function extentOf(host: string, extent: Partial<Extent> = {}): Extent {
  return { host, containers: [], deployments: [], namespaces: [], files: [], ...extent };
}

export type ReportChange = Partial<Omit<ReviewReport, "totals">> & {
  readonly totals?: Partial<ReviewReport["totals"]>;
};

/** A report of one changed service, checked by the schema, with these fields instead. */
export function reportOf(change: ReportChange = {}): ReviewReport {
  const services = change.services ?? [serviceOf({ service: "frontend" })];
  return ReviewReport.parse({
    version: 1,
    target: "lab",
    decision: services.some(({ action }) => action !== "none") ? "changes" : "nothing",
    offline: null,
    unseen: [],
    fingerprint: "0123456789abcdef".repeat(4),
    stacks: [],
    services,
    sides: services.map((service) => sideOf(service)),
    disks: [],
    destroys: [],
    touched: [],
    waiting: [],
    untouched: [],
    findings: [],
    warnings: [],
    ...change,
    totals: { bytes: 4_200_000, seconds: 12, downtimeSeconds: 1.9, ...change.totals },
  });
}
