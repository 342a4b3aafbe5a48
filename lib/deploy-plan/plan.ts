import type { Consumer, Runtime } from "../catalog/index.ts";
import type { BuildArtifact } from "../config/ci-file.ts";
import { repositoryName } from "../config/ci-file.ts";
import type { Site } from "../config/site.ts";
import { previousHealthy } from "../history/previous.ts";
import { clusterImage } from "../kubernetes/target.ts";
import { imageLabels } from "../labels.ts";
import { stackName } from "../stack-names.ts";
import { plannedActions } from "./actions.ts";
import { bootstrapGuard, consumerOf, decide } from "./decision.ts";
import type { PlanFacts } from "./facts.ts";
import type { PlanSubject } from "./question.ts";
import type { DeployPlan, DeployPlanRecord } from "./schema.ts";
import { runtimeSecretsOf } from "./secrets.ts";
import { verificationOf } from "./verification.ts";

/** Pure: what an apply would do with each subject. Not ok where one of them must not even be pinned. */
export function planDeployments(site: Site, subjects: readonly PlanSubject[], facts: PlanFacts): DeployPlan {
  const records = subjects.map((subject) => recordOf(site, subject, facts));
  return {
    ok: records.every(({ decision }) => decision !== "unsupported"),
    records,
    warnings: [...facts.warnings],
  };
}

function recordOf(site: Site, subject: PlanSubject, facts: PlanFacts): DeployPlanRecord {
  const { service, environment, commit = null, pinnedCommit = null } = subject;
  const consumer = consumerOf(subject.consumer);
  const runtime = consumer?.runtime;
  const supervised = consumer?.supervised;
  const build = site.ci.artifacts.find((artifact) => artifact.serviceId === service);
  const source = build?.kind === "build" ? build : undefined;
  return {
    service,
    environment,
    commit,
    pinnedCommit,
    ...decide(subject.consumer),
    stack: consumer ? stackName(service, environment, consumer) : null,
    runtime: runtime?.kind ?? null,
    registry: registryOf(site, subject),
    source: source ? { repo: source.sourceRepo, commit, dockerfile: source.dockerfile } : null,
    build: {
      willCompile: false,
      willRunCargoBuild: false,
      willRunDockerBuild: false,
      willRunDockerComposeBuild: false,
    },
    requiredLabels: requiredLabels(service, commit, source),
    target: runtime ? targetOf(site, service, commit ?? "", runtime) : null,
    plannedActions: plannedActions(site, subject),
    verification: verificationOf(subject),
    rollback: rollbackOf(subject, consumer, facts),
    excludedTargets: excludedTargets(site, subject),
    affectedRuntime: affectedRuntime(consumer),
    requiresSupervisorApproval: supervised !== undefined,
    selfBootstrapGuard: supervised !== undefined,
    selfBootstrapGuardText: supervised ? bootstrapGuard : null,
    runtimeSecrets: runtime?.kind === "compose" ? runtimeSecretsOf(site, service, runtime, facts) : null,
  };
}

function registryOf(site: Site, { service, commit, digest }: PlanSubject): DeployPlanRecord["registry"] {
  const { address, port } = site.registry;
  const repository = repositoryName(service);
  const source = "manifest HEAD of the live registry (Docker-Content-Digest), which the preflight reads";
  return {
    probeUrl: commit ? `http://${address}:${port}/v2/${repository}/manifests/${commit}` : null,
    imageRef: commit ? `${address}:${port}/${repository}:${commit}` : null,
    tag: commit ?? null,
    digest: null,
    digestSource: digest ? `${source}; it has to be pinnedDigest` : source,
    pinnedDigest: digest ?? null,
  };
}

function requiredLabels(service: string, commit: string | null, source: BuildArtifact | undefined) {
  return {
    ...(commit ? { [imageLabels.revision]: commit } : {}),
    ...(source ? { [imageLabels.source]: source.sourceRepo } : {}),
    [imageLabels.service]: service,
  };
}

function targetOf(site: Site, service: string, commit: string, runtime: Runtime): DeployPlanRecord["target"] {
  const { kind, host } = runtime;
  if (kind === "compose") {
    const { composeService, container, stableImage } = runtime;
    return { kind, host, project: site.hosts[host].compose?.project ?? null, composeService, container, stableImage };
  }
  const names = runtime.workloads.map(({ name }) => name);
  return {
    kind,
    host,
    namespace: runtime.namespace,
    deployments: names,
    services: names,
    ports: Object.fromEntries(runtime.workloads.map(({ name, port }) => [name, port])),
    image: clusterImage(site.registry.port, service, commit),
  };
}

function rollbackOf(
  { service, environment, commit }: PlanSubject,
  consumer: Consumer | undefined,
  { history }: PlanFacts,
): DeployPlanRecord["rollback"] {
  if (!consumer || consumer.planOnly) {
    return { command: null, previousCommit: null, reason: "it is never applied, so there is nothing to go back from" };
  }
  const { host } = consumer.runtime;
  const entries = history.get(host);
  const place = { service, environment, host };
  const previous = commit && entries && previousHealthy(entries, place, commit, "applied");
  const missing = entries
    ? `the history on ${host} has no healthy commit before it`
    : `the history on ${host} was not read`;
  return {
    command: `npx unidesk pin rollback ${service} --env ${environment}`,
    previousCommit: previous?.commit ?? null,
    reason: previous ? null : missing,
  };
}

function affectedRuntime(consumer: Consumer | undefined): string {
  if (!consumer) return "nothing: it is unsupported";
  if (consumer.planOnly) return "nothing: it is never applied";
  if (consumer.supervised) return consumer.supervised.affectedRuntime;
  const { runtime } = consumer;
  if (runtime.kind === "compose") {
    return `${runtime.host} Compose service ${runtime.composeService}, container ${runtime.container}`;
  }
  const names = runtime.workloads.map(({ name }) => name).join(", ");
  const auth = runtime.authSync && `, and Secret and ConfigMap ${runtime.authSync.secret.name} from config.json .auth`;
  return `${runtime.host} k3s ${runtime.namespace}, Deployment and Service ${names}${auth ?? ""}`;
}

/** What the catalog names, then what every deployment of this kind leaves alone. */
function excludedTargets(site: Site, { consumer: declared }: PlanSubject): string[] {
  const consumer = consumerOf(declared);
  if (!consumer) return "excludedTargets" in declared ? [...declared.excludedTargets] : [];
  const { runtime, supervised } = consumer;
  const named = supervised?.excludedTargets ?? [];
  if (runtime.kind === "k3s") {
    return [...named, `every other object of namespace ${runtime.namespace}`, "every other namespace"];
  }
  const project = site.hosts[runtime.host].compose?.project;
  return [...named, `every other service of the Compose project${project ? ` ${project}` : ""} on ${runtime.host}`];
}
