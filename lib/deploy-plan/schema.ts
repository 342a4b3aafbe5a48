import * as z from "zod";
import { Commit, Digest, Environment, ServiceId } from "../config/values.ts";

/**
 * What an apply would make of a pin: `deployable`; `supervised`, with a person's approval; `plan-only` and `blocked`, never
 * applied; `unsupported`, not even to be pinned.
 */
export const planDecisions = ["deployable", "supervised", "plan-only", "blocked", "unsupported"] as const;

const never = z.literal(false);

const ComposeTargetRecord = z.strictObject({
  kind: z.literal("compose"),
  host: z.string(),
  project: z.string().nullable(),
  composeService: z.string(),
  container: z.string(),
  stableImage: z.string(),
});

const K3sTargetRecord = z.strictObject({
  kind: z.literal("k3s"),
  host: z.string(),
  namespace: z.string(),
  deployments: z.array(z.string()),
  services: z.array(z.string()),
  ports: z.record(z.string(), z.int()).describe("Port of each Service, by its name"),
  image: z.string(),
});

export const PlannedAction = z.strictObject({
  action: z.string(),
  on: z.string().describe("The host, or runner"),
  what: z.string(),
  command: z.string().nullable().describe("The exact command, where the action is one"),
});
export type PlannedAction = z.infer<typeof PlannedAction>;

export const RuntimeSecrets = z.strictObject({
  secretSource: z.string(),
  requiredSecretsPresent: z.boolean().nullable().describe("null where the host could not be asked"),
  missingSecretKeys: z.array(z.string()).nullable(),
  secrets: z.array(z.strictObject({ key: z.string(), present: z.boolean(), length: z.int() })).nullable(),
  recommendedAction: z.string(),
});
export type RuntimeSecrets = z.infer<typeof RuntimeSecrets>;

/** What an apply would do with one pin; the same fields for every runtime, and a contract. */
export const DeployPlanRecord = z.strictObject({
  service: ServiceId,
  environment: Environment,
  commit: Commit.nullable().describe("null for an unsupported service that was asked for without a commit"),
  pinnedCommit: Commit.nullable().describe("What deploy.json pins; null where it pins nothing"),
  decision: z.enum(planDecisions),
  reason: z.string().nullable().describe("Why the decision is not deployable"),
  stack: z.string().nullable(),
  runtime: z.enum(["compose", "k3s"]).nullable(),
  registry: z.strictObject({
    probeUrl: z.string().nullable(),
    imageRef: z.string().nullable(),
    tag: z.string().nullable(),
    digest: z.null(),
    digestSource: z.string(),
    pinnedDigest: Digest.nullable().describe("The pin's own digest: the manifest has to have it"),
  }),
  source: z.strictObject({ repo: z.string(), commit: Commit.nullable(), dockerfile: z.string() }).nullable(),
  build: z.strictObject({
    willCompile: never,
    willRunCargoBuild: never,
    willRunDockerBuild: never,
    willRunDockerComposeBuild: never,
  }),
  requiredLabels: z.record(z.string(), z.string()),
  target: z.discriminatedUnion("kind", [ComposeTargetRecord, K3sTargetRecord]).nullable(),
  plannedActions: z.array(PlannedAction),
  verification: z.array(z.string()),
  rollback: z.strictObject({
    command: z.string().nullable(),
    previousCommit: Commit.nullable(),
    reason: z.string().nullable().describe("Why there is no command or no previous commit"),
  }),
  excludedTargets: z.array(z.string()),
  affectedRuntime: z.string(),
  requiresSupervisorApproval: z.boolean(),
  selfBootstrapGuard: z.boolean(),
  selfBootstrapGuardText: z.string().nullable(),
  runtimeSecrets: RuntimeSecrets.nullable().describe("null for a service without secrets"),
});
export type DeployPlanRecord = z.infer<typeof DeployPlanRecord>;

/** What `npx unidesk deploy plan --json` prints. */
export const DeployPlan = z.strictObject({
  ok: z.boolean(),
  records: z.array(DeployPlanRecord),
  warnings: z.array(z.string()),
});
export type DeployPlan = z.infer<typeof DeployPlan>;
