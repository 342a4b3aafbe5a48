import * as z from "zod";
import { Commit, Digest, environments } from "../config/values.ts";
import { liveStates } from "../pins/live.ts";

/** Of everything that is reviewed. Nothing that could end the comment in which a pull request carries it. */
export const Fingerprint = z.string().regex(/^[0-9a-z][0-9a-z:]{5,127}$/, {
  error: "must be a review's fingerprint: lowercase letters, digits and colons",
});

/** What an apply would do with one thing, in the words of the report. `unknown`: its stack could not be planned. */
export const actions = ["none", "first-deploy", "deploy", "repair", "adopt", "forget", "refused", "unknown"] as const;

/**
 * One field of a resource that changes. Values are as the plan says them, at most 200 characters; of a sensitive one no
 * more is said than whether it changes.
 */
const FieldChange = z.strictObject({
  /** `spec.0.template.0.spec.0.container.0.image`, `triggers.commit`. */
  path: z.string(),
  before: z.string().nullable(),
  after: z.string().nullable(),
});

/** One entry of the plan's `resource_changes` that does something. */
export const ResourceChange = z.strictObject({
  /** Terraform address in its stack. */
  address: z.string(),
  /**
   * `run`: a step runs (again); `create`, `update`, `replace`, `delete`: an object outside Terraform changes; `import`,
   * `forget`: the state alone changes.
   */
  action: z.enum(["run", "create", "update", "replace", "delete", "import", "forget"]),
  /** What that means on the host, one phrase: `recreates container unidesk-frontend`. */
  meaning: z.string(),
  fields: z.array(FieldChange),
});
export type ResourceChange = z.infer<typeof ResourceChange>;

/** Whether something outside Terraform goes away, if only for a while. An image is never removed, only pulled. */
export function destroys({ action, address }: Pick<ResourceChange, "action" | "address">): boolean {
  return (action === "delete" || action === "replace") && !address.startsWith("docker_image.");
}

const LoggedCommit = z.strictObject({
  commit: Commit,
  subject: z.string(),
  author: z.string(),
  /** RFC 3339, UTC. */
  date: z.string(),
  /** Touched paths, at most 20. */
  paths: z.array(z.string()),
  morePaths: z.int().nonnegative(),
  /** It is a part of what runs now, and is taken away. */
  taken: z.boolean(),
});

/** Everything that a reviewer has to know about one pin. `null` is unknown, and is shown so. */
export const ServiceReview = z.strictObject({
  service: z.string(),
  environment: z.enum(["prod", "dev"]),
  stack: z.string(),
  host: z.string(),
  runtime: z.enum(["compose", "k3s"]),
  /** Containers by name, or Deployments as `<namespace>/<name>`. */
  targets: z.array(z.string()),
  action: z.enum(actions),
  /** Why, one sentence: `pin changed`, `drift: container missing`, `first deploy`. */
  reason: z.string(),
  /** Why an apply would refuse it as things are: no manifest, a missing secret. Also of one that does not change itself. */
  blockers: z.array(z.string()),
  /**
   * A running service is stopped and started anew (Compose), or its pods or its Service are replaced (k3s). False also where nobody
   * could tell: its action is `unknown`, or its side's live state is.
   */
  interrupts: z.boolean(),
  commits: z.strictObject({
    repository: z.string(),
    /** What runs now, by the image's label; null where nothing runs or nobody looked. */
    live: Commit.nullable(),
    pinned: Commit.nullable(),
    /** Of live to pinned; `first` where nothing runs; `unknown` where Git or the host could not be seen. */
    relation: z.enum(["same", "forward", "backward", "diverged", "first", "unknown"]),
    ahead: z.int().nonnegative().nullable(),
    behind: z.int().nonnegative().nullable(),
    /** Allowed release lines that reach the pinned commit; null where the repository cannot be seen. */
    releaseLines: z.array(z.string()).nullable(),
    /** What the change brings, then what it takes away (`taken`), each newest first. */
    log: z.array(LoggedCommit),
    moreCommits: z.int().nonnegative(),
    /** The pin's `rollback` note. */
    note: z.string().nullable(),
  }),
  digest: z.strictObject({
    live: Digest.nullable(),
    pinned: Digest.nullable(),
    /** What the commit's tag names in the registry now. */
    registry: Digest.nullable(),
  }),
  /** What has to come over the wire; of a manifest's layers those that the target lacks. */
  transfer: z.strictObject({
    bytes: z.int().nonnegative().nullable(),
    /** What stays of it on the target's disk: unpacked, and on a cluster's node compressed too. Estimated for layers that do not say it. */
    diskBytes: z.int().nonnegative().nullable(),
    missingLayers: z.int().nonnegative().nullable(),
    layers: z.int().nonnegative().nullable(),
    /** False where the target cannot say it exactly. */
    exact: z.boolean(),
  }),
  /** Median of this service's own finished deployments; null with fewer than two of them. */
  time: z.strictObject({
    seconds: z.number().nonnegative().nullable(),
    downtimeSeconds: z.number().nonnegative().nullable(),
    /** Null where the history was not read. */
    samples: z.int().nonnegative().nullable(),
  }),
  /** What else a recreate would pull in: `changed environment or Compose configuration`. */
  hidden: z.array(z.string()),
  /** Keys that must be in the controlled env file; never a value. Null where nobody looked. */
  secrets: z.array(z.strictObject({ key: z.string(), present: z.boolean().nullable() })),
  /** Named verdicts besides health: `GET /health auth: all true`. */
  gates: z.array(z.string()),
  /**
   * Volumes that the service is started with (k3s), or what its container has mounted now (Compose), each with where; null
   * where nobody looked, or no container is there to look at.
   */
  storage: z.array(z.string()).nullable(),
  approval: z.strictObject({
    state: z.enum(["not-needed", "approved", "missing"]),
    /** By whom and until when, or why there is none that counts. */
    detail: z.string().nullable(),
    /** What a person runs to give it. */
    command: z.string().nullable(),
  }),
  /** What an apply never touches, by name; of supervised services. */
  excludedTargets: z.array(z.string()),
  rollback: z.strictObject({
    command: z.string(),
    /** What it would go back to. */
    commit: Commit.nullable(),
    imageOnTarget: z.boolean().nullable(),
    imageInRegistry: z.boolean().nullable(),
  }),
  changes: z.array(ResourceChange),
});
export type ServiceReview = z.infer<typeof ServiceReview>;

const applying = new Set<ServiceReview["action"]>(["first-deploy", "deploy", "repair"]);

/** An apply does something about it: it has changes that mean something, and nobody has to approve them first. */
export function isApplied({ action, approval }: Pick<ServiceReview, "action" | "approval">): boolean {
  return applying.has(action) && approval.state !== "missing";
}

/** Where a service is looked at, as `unseen` names it. */
export function placeOf({ host, runtime }: Pick<ServiceReview, "host" | "runtime">): string {
  return runtime === "k3s" ? `the cluster of ${host}` : host;
}

/** Nobody knows whether there would be anything to do. */
export function isOpen(service: ServiceReview, unseen: readonly string[]): boolean {
  return service.action === "unknown" || (service.action === "none" && unseen.includes(placeOf(service)));
}

/** An apply would do something about it once a person has approved it. */
export function isWaiting(service: Pick<ServiceReview, "action" | "approval">): boolean {
  return applying.has(service.action) && !isApplied(service);
}

/**
 * What runs of a service in one environment, also where the environment's stack is not in this review: one environment
 * can be judged by another.
 */
export const ServiceSide = z.strictObject({
  service: z.string(),
  environment: z.enum(environments),
  host: z.string(),
  stack: z.string(),
  /** Null where `deploy.json` does not pin it; nobody looks at its host then. */
  pinned: Commit.nullable(),
  /** As `pin show` says it; `unknown` where nobody looked. */
  live: z.strictObject({ state: z.enum(liveStates), commit: Commit.nullable() }),
});
export type ServiceSide = z.infer<typeof ServiceSide>;

export const StackReview = z.strictObject({
  name: z.string(),
  /** `refused`: it diffs and its apply always refuses. */
  action: z.enum(["none", "change", "refused", "error"]),
  /** Why the plan failed. */
  error: z.string().nullable(),
  /** Resources that the plan leaves as they are. */
  unchanged: z.int().nonnegative(),
  /** What belongs to no service: the registry's files, preflight, namespaces. */
  changes: z.array(ResourceChange),
});
export type StackReview = z.infer<typeof StackReview>;

/** Room on one file system of one host for everything that comes there. */
export const DiskReview = z.strictObject({
  host: z.string(),
  /** Where images are stored; two stores on one file system share its room, and are one entry. */
  path: z.string(),
  /** Compressed and unpacked, with the margin; 0 where nothing comes. */
  neededBytes: z.int().nonnegative(),
  freeBytes: z.int().nonnegative(),
  fits: z.boolean(),
});
export type DiskReview = z.infer<typeof DiskReview>;

/** What is on a host, by what the apply does with it. */
const Extent = z.strictObject({
  host: z.string(),
  containers: z.array(z.string()),
  deployments: z.array(z.string()),
  namespaces: z.array(z.string()),
  files: z.array(z.string()),
});
export type Extent = z.infer<typeof Extent>;

export const Finding = z.strictObject({
  /** Name of the policy. */
  rule: z.string(),
  /** `deny` stops `apply --reviewed`; `warn` is shown. */
  level: z.enum(["deny", "warn"]),
  /** `prod/frontend`, a stack, a host, or `all`. */
  subject: z.string(),
  message: z.string(),
  /** How to allow it. */
  allow: z.string(),
});
export type Finding = z.infer<typeof Finding>;

/** The blast radius of a set of pins on the hosts as they are now; a contract (schemas/review.schema.json). */
export const ReviewReport = z.strictObject({
  version: z.literal(1),
  /** `context.target`: the name of this set of hosts. */
  target: z.string(),
  /** `error` where a stack could not be planned, a policy denies, or a host without changes could not be looked at. */
  decision: z.enum(["nothing", "changes", "error"]),
  /** Hosts were not looked at; null where they were. Said in the first line of every rendering. */
  offline: z.string().nullable(),
  /** Hosts, and clusters, with services of this review that nobody could look at. Said in the first line too. */
  unseen: z.array(z.string()),
  fingerprint: Fingerprint,
  stacks: z.array(StackReview),
  services: z.array(ServiceReview),
  /** Every side that the catalog has of these services. */
  sides: z.array(ServiceSide),
  disks: z.array(DiskReview),
  /** Objects that an apply deletes or replaces, each `<stack>: <what>`. */
  destroys: z.array(z.string()),
  touched: z.array(Extent),
  /** What is touched too, once a person has approved it. */
  waiting: z.array(Extent),
  untouched: z.array(Extent),
  /** Of everything that an apply touches now; what waits for an approval is left out. */
  totals: z.strictObject({
    bytes: z.int().nonnegative().nullable(),
    /** One after the other. */
    seconds: z.number().nonnegative().nullable(),
    /** Of the service that is longest down. On k3s the old pods serve until the new ones are ready, mostly: what was measured counts. */
    downtimeSeconds: z.number().nonnegative().nullable(),
  }),
  findings: z.array(Finding),
  warnings: z.array(z.string()),
});
export type ReviewReport = z.infer<typeof ReviewReport>;
