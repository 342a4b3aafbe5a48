import { expect, test } from "vitest";
import { loadSite } from "../../lib/config/site.ts";
import { nothingLookedAt } from "../../lib/deploy-plan/facts.ts";
import { planDeployments } from "../../lib/deploy-plan/plan.ts";
import { readSubjects, subjectsOf } from "../../lib/deploy-plan/question.ts";
import { DeployPlan, type DeployPlanRecord } from "../../lib/deploy-plan/schema.ts";
import { checkout } from "../checkout.ts";
import { hostsJson, tempFolder, write } from "../support.ts";

const main = "86e6086d34d8dd9e9e654f6fbc15946ed6872926";
const todoNote = "81b2df55d273d73df53543e3e646361bc8106324";
const unidesk = "https://github.com/pikasTech/unidesk";

const hosts = hostsJson();
const d601Compose = {
  project: "unidesk-d601",
  root: "/srv/d601",
  file: "docker-compose.yml",
  envFile: "/srv/d601/env",
};
/** This checkout's pins and catalog, on hosts that nobody contacts. */
const site = loadSite(checkout, {
  UNIDESK_HOSTS: write(tempFolder(), "hosts.json", {
    target: "test",
    hosts: { ...hosts, d601: { ...hosts.d601, compose: d601Compose } },
  }),
});
const pinned = readSubjects(site);
const plan = planDeployments(site, pinned, nothingLookedAt);

function recordOf(service: string, environment: string): DeployPlanRecord {
  const found = plan.records.find((record) => record.service === service && record.environment === environment);
  if (!found) throw new Error(`no record of ${service} in ${environment}`);
  return found;
}

const onMainServer = (service: string, container = `${service}-backend`, stableImage = service) => ({
  kind: "compose",
  host: "main-server",
  project: "unidesk",
  composeService: service,
  container,
  stableImage,
});
const onD601 = (service: string, container = `${service}-backend`) => ({
  ...onMainServer(service, container),
  host: "d601",
  project: "unidesk-d601",
});
const onK3s = (service: string, namespace: string, names: readonly string[]) => ({
  kind: "k3s",
  host: "d601",
  namespace,
  deployments: names,
  services: names,
  ports: Object.fromEntries(names.map((name) => [name, 8080])),
  image: `127.0.0.1:5000/unidesk/${service}:${main}`,
});
const microservice = (service: string) => `src/components/microservices/${service}/Dockerfile`;
const codeQueue = ["scheduler", "read", "write", "provider-egress-proxy"].map((role) => `code-queue-${role}-dev`);

type Row = [
  service: string,
  environment: string,
  decision: string,
  stack: string,
  dockerfile: string,
  target: object,
  recreate: string | null,
];
const recreate = (service: string) =>
  `docker compose up -d --no-build --no-deps --pull never --force-recreate ${service}`;
const compose = (service: string, container?: string, image?: string, dockerfile = microservice(service)): Row => [
  ...([service, "prod", "deployable", "unidesk-prod-main-server", dockerfile] as const),
  onMainServer(service, container, image),
  recreate(service),
];
const k3s = (service: string, environment: "prod" | "dev", dockerfile = microservice(service)): Row => [
  ...([service, environment, "deployable", `unidesk-${environment}-d601`, dockerfile] as const),
  environment === "dev" ? onK3s(service, "unidesk-dev", [`${service}-dev`]) : onK3s(service, "unidesk", [service]),
  null,
];
const never = (service: string, environment: string, decision: string, target: object): Row => [
  ...([service, environment, decision, "unidesk-plan-only", microservice(service)] as const),
  target,
  null,
];

const matrix: Row[] = [
  compose("project-manager"),
  compose("oa-event-flow"),
  compose("todo-note", undefined, undefined, "Dockerfile"),
  compose("baidu-netdisk"),
  compose("frontend", "unidesk-frontend", "unidesk-frontend", "src/components/frontend/Dockerfile"),
  compose("backend-core", "backend-core", "unidesk-backend-core", "src/components/backend-core/Dockerfile"),
  [
    ...(["code-queue-mgr", "prod", "supervised", "unidesk-supervised-code-queue-mgr-prod"] as const),
    microservice("code-queue-mgr"),
    onMainServer("code-queue-mgr"),
    recreate("code-queue-mgr"),
  ],
  [
    ...(["findjob", "prod", "deployable", "unidesk-prod-d601", microservice("findjob")] as const),
    onD601("findjob"),
    recreate("findjob"),
  ],
  [
    ...(["pipeline", "prod", "deployable", "unidesk-prod-d601", microservice("pipeline")] as const),
    onD601("pipeline"),
    recreate("pipeline"),
  ],
  k3s("backend-core", "dev", "src/components/backend-core/Dockerfile"),
  k3s("frontend", "dev", "src/components/frontend/Dockerfile"),
  ...(["decision-center", "mdtodo", "claudeqq"] as const).flatMap((one) => [k3s(one, "prod"), k3s(one, "dev")]),
  [
    ...(["code-queue", "dev", "supervised", "unidesk-supervised-code-queue-dev"] as const),
    microservice("code-queue"),
    onK3s("code-queue", "unidesk-dev", codeQueue),
    null,
  ],
  never("baidu-netdisk", "dev", "plan-only", onMainServer("baidu-netdisk")),
  never("findjob", "dev", "plan-only", onD601("findjob")),
  never("pipeline", "dev", "plan-only", onD601("pipeline")),
  never("met-nonlinear", "prod", "blocked", onD601("met-nonlinear")),
  never("met-nonlinear", "dev", "blocked", onD601("met-nonlinear")),
  never("k3sctl-adapter", "prod", "plan-only", onD601("k3sctl-adapter", "k3sctl-adapter")),
];

test.each(matrix)("%s in %s is %s", (service, environment, decision, stack, dockerfile, target, command) => {
  const record = recordOf(service, environment);
  const commit = service === "todo-note" ? todoNote : main;
  const repo = service === "todo-note" ? "https://gitee.com/Lyon1998/todo_note" : unidesk;
  expect(record).toMatchObject({
    decision,
    stack,
    commit,
    pinnedCommit: commit,
    runtime: (target as { kind: string }).kind,
    registry: {
      probeUrl: `http://127.0.0.1:5000/v2/unidesk/${service}/manifests/${commit}`,
      imageRef: `127.0.0.1:5000/unidesk/${service}:${commit}`,
      tag: commit,
      digest: null,
      digestSource: "manifest HEAD of the live registry (Docker-Content-Digest), which the preflight reads",
      pinnedDigest: null,
    },
    source: { repo, commit, dockerfile },
    requiresSupervisorApproval: ["code-queue-mgr", "code-queue", "k3sctl-adapter"].includes(service),
  });
  expect(record.target).toEqual(target);
  expect(record.build).toEqual({
    willCompile: false,
    willRunCargoBuild: false,
    willRunDockerBuild: false,
    willRunDockerComposeBuild: false,
  });
  expect(record.requiredLabels).toEqual({
    "org.opencontainers.image.revision": commit,
    "org.opencontainers.image.source": repo,
    "dev.unidesk.service": service,
  });
  const commands = record.plannedActions.map((action) => action.command).filter((line) => line !== null);
  expect(commands.filter((line) => line.startsWith("docker"))).toEqual(command ? [command] : []);
});

test("the matrix is every pin of deploy.json", () => {
  const names = plan.records.map(({ service, environment }) => `${service} ${environment}`).sort();
  expect(matrix.map(([service, environment]) => `${service} ${environment}`).sort()).toEqual(names);
});

test("every record has the same fields, whatever its runtime, and is what the schema says", () => {
  expect(DeployPlan.parse(plan)).toEqual(plan);
  expect(plan.ok).toBe(true);
  const shapes = new Set(plan.records.map((record) => Object.keys(record).join()));
  expect([...shapes]).toEqual([
    "service,environment,commit,pinnedCommit,decision,reason,stack,runtime,registry,source,build,requiredLabels,target,plannedActions,verification,rollback,excludedTargets,affectedRuntime,requiresSupervisorApproval,selfBootstrapGuard,selfBootstrapGuardText,runtimeSecrets",
  ]);
});

test("the order of a Compose deployment", () => {
  const order = (service: string, environment: string) =>
    recordOf(service, environment).plannedActions.map(({ action, on }) => `${action} ${on}`);
  expect(order("baidu-netdisk", "prod")).toEqual([
    "preflight d601",
    "deliver main-server",
    "name main-server",
    "secrets main-server",
    "env main-server",
    "tag main-server",
    "recreate main-server",
    "confirm main-server",
    "receipt main-server",
  ]);
  expect(order("code-queue-mgr", "prod").slice(0, 2)).toEqual(["approval runner", "preflight d601"]);
  expect(order("frontend", "dev")).toEqual([
    "preflight d601",
    "namespace d601",
    "deliver d601",
    "auth d601",
    "apply d601",
    "rollout d601",
    "receipt d601",
  ]);
  expect(order("met-nonlinear", "prod")).toEqual(["refuse runner"]);
});

test("what is verified", () => {
  const says = `deploy.commit and deploy.requestedCommit are ${main}`;
  expect(recordOf("project-manager", "prod").verification).toEqual([
    `image labels org.opencontainers.image.revision=${main} and dev.unidesk.service=project-manager`,
    `runtime environment: UNIDESK_PROJECT_MANAGER_DEPLOY_* of the container says ${main}`,
    `/health answers 200; its ${says}`,
  ]);
  expect(recordOf("todo-note", "prod").verification[2]).toBe(
    `synthetic health: /api/health answers 200, and deploy.commit and deploy.requestedCommit are ${todoNote} as UNIDESK_TODO_NOTE_DEPLOY_* of the container tells them`,
  );
  expect(recordOf("baidu-netdisk", "prod").verification.at(-1)).toBe(
    "gate /health: auth.configured, auth.clientIdConfigured, auth.clientSecretConfigured, auth.tokenKeyConfigured, auth.loggedIn are true",
  );
  expect(recordOf("code-queue-mgr", "prod").verification.at(-1)).toBe("gate /api/tasks/stats: answers without skipped");
  expect(recordOf("mdtodo", "dev").verification.slice(1)).toEqual([
    `/health of Service mdtodo-dev in unidesk-dev, through the Kubernetes API service proxy: ${says}`,
    `/health of every pod behind them, through the pod proxy: ${says}; an old revision that still answers is a failure`,
  ]);
  expect(recordOf("met-nonlinear", "dev").verification).toEqual([]);
});

test("what is supervised names what it touches, what it never touches, and the guard", () => {
  expect(recordOf("code-queue-mgr", "prod")).toMatchObject({
    affectedRuntime: "main-server Compose service code-queue-mgr, container code-queue-mgr-backend",
    excludedTargets: [
      ...["code-queue scheduler", "code-queue runner", "tasks", "interrupt", "cancel"],
      "every other service of the Compose project unidesk on main-server",
    ],
    selfBootstrapGuard: true,
    selfBootstrapGuardText: expect.stringContaining("refused inside a Code Queue task, whatever was signed"),
  });
  expect(recordOf("code-queue", "dev")).toMatchObject({
    affectedRuntime: "d601 k3s unidesk-dev, the four Deployments of code-queue",
    excludedTargets: [
      ...["production code-queue scheduler", "production code-queue runner"],
      ...["production tasks", "production interrupt", "production cancel"],
      "every other object of namespace unidesk-dev",
      "every other namespace",
    ],
    selfBootstrapGuard: true,
  });
  expect(recordOf("frontend", "prod")).toMatchObject({ selfBootstrapGuard: false, selfBootstrapGuardText: null });
});

test("fails as a record, not as a crash, if production code-queue is asked for", () => {
  const subjects = subjectsOf({ service: "code-queue", environment: "prod" }, pinned, "deploy.json");
  const refused = planDeployments(site, subjects, nothingLookedAt);
  expect(DeployPlan.parse(refused)).toEqual(refused);
  expect(refused.ok).toBe(false);
  expect(refused.records).toHaveLength(1);
  expect(Object.keys(refused.records[0] ?? {})).toEqual(Object.keys(plan.records[0] ?? {}));
  expect(refused.records[0]).toMatchObject({
    service: "code-queue",
    environment: "prod",
    commit: null,
    decision: "unsupported",
    stack: null,
    runtime: null,
    target: null,
    registry: { probeUrl: null, imageRef: null, tag: null, digest: null },
    verification: [],
    rollback: { command: null, previousCommit: null },
    excludedTargets: expect.arrayContaining(["production code-queue scheduler", "production code-queue runner"]),
    affectedRuntime: "nothing: it is unsupported",
    requiresSupervisorApproval: false,
    runtimeSecrets: null,
  });
  expect(refused.records[0]?.plannedActions.map(({ action }) => action)).toEqual(["refuse"]);
});
