import type { Environment } from "../config/values.ts";
import type { CatalogEntry, ComposeRuntime, Consumer, K3sRuntime, K3sWorkload } from "./types.ts";

/** A service of the Compose project on main-server; most differ in their name alone. */
function onMainServer(service: string, runtime: Partial<ComposeRuntime> = {}): ComposeRuntime {
  return {
    kind: "compose",
    host: "main-server",
    composeService: service,
    container: `${service}-backend`,
    stableImage: service,
    health: { port: 8080 },
    ...runtime,
  };
}

/** A service of the Compose project on D601. */
function onD601(service: string, runtime: Partial<ComposeRuntime> = {}): ComposeRuntime {
  return { ...onMainServer(service, runtime), host: "d601" };
}

/** A service on D601's k3s: `unidesk/<service>` in prod, `unidesk-dev/<service>-dev` in dev. */
function onK3s(
  service: string,
  environment: Environment,
  { authSync, ...workload }: Partial<K3sWorkload> & Pick<K3sRuntime, "authSync"> = {},
): K3sRuntime {
  const dev = environment === "dev";
  return {
    kind: "k3s",
    host: "d601",
    namespace: dev ? "unidesk-dev" : "unidesk",
    workloads: [{ name: dev ? `${service}-dev` : service, port: 8080, ...workload }],
    health: {},
    ...(authSync ? { authSync } : {}),
  };
}

/** A service that runs on k3s in both environments. */
function onK3sInBoth(service: string): CatalogEntry {
  return { service, consumers: { prod: { runtime: onK3s(service, "prod") }, dev: { runtime: onK3s(service, "dev") } } };
}

/** A consumer whose dev side only shows what it would do. */
function planned(runtime: ComposeRuntime, reason: string): Consumer {
  return { runtime, planOnly: { decision: "plan-only", reason } };
}

const codeQueueTargets = ["code-queue scheduler", "code-queue runner", "tasks", "interrupt", "cancel"];

const metNonlinear: Consumer = {
  runtime: onD601("met-nonlinear"),
  planOnly: {
    decision: "blocked",
    reason: "its Dockerfile and its contract as a long-running service disagree",
  },
};

const baiduNetdisk = onMainServer("baidu-netdisk", {
  secrets: [
    "UNIDESK_BAIDU_NETDISK_CLIENT_ID",
    "UNIDESK_BAIDU_NETDISK_CLIENT_SECRET",
    "UNIDESK_BAIDU_NETDISK_TOKEN_KEY",
  ],
  gates: [
    {
      verdict: "all-true",
      path: "/health",
      under: "auth",
      keys: ["configured", "clientIdConfigured", "clientSecretConfigured", "tokenKeyConfigured", "loggedIn"],
      remedy: "restore its keys in the controlled env file, recreate this one service, verify again",
    },
  ],
});

/** Every consumer, one entry a service. */
export const services: readonly CatalogEntry[] = [
  {
    service: "backend-core",
    consumers: {
      prod: {
        runtime: onMainServer("backend-core", { container: "backend-core", stableImage: "unidesk-backend-core" }),
      },
      dev: { runtime: onK3s("backend-core", "dev") },
    },
  },
  {
    service: "frontend",
    consumers: {
      prod: { runtime: onMainServer("frontend", { container: "unidesk-frontend", stableImage: "unidesk-frontend" }) },
      dev: {
        runtime: onK3s("frontend", "dev", {
          envFrom: [
            { kind: "ConfigMap", name: "frontend-dev-auth" },
            { kind: "Secret", name: "frontend-dev-auth" },
          ],
          authSync: {
            secret: {
              name: "frontend-dev-auth",
              keys: { sessionSecret: "UNIDESK_AUTH_SESSION_SECRET", passwordHash: "UNIDESK_AUTH_PASSWORD_HASH" },
            },
            configMap: { name: "frontend-dev-auth", keys: { username: "UNIDESK_AUTH_USERNAME" } },
          },
        }),
      },
    },
  },
  {
    service: "baidu-netdisk",
    consumers: {
      prod: { runtime: baiduNetdisk },
      dev: planned(baiduNetdisk, "dev validates the artifact and the source of its secrets, nothing else"),
    },
  },
  { service: "project-manager", consumers: { prod: { runtime: onMainServer("project-manager") } } },
  { service: "oa-event-flow", consumers: { prod: { runtime: onMainServer("oa-event-flow") } } },
  {
    service: "todo-note",
    consumers: {
      prod: {
        runtime: onMainServer("todo-note", { health: { port: 8080, path: "/api/health", commitFrom: "container" } }),
      },
    },
  },
  {
    service: "code-queue-mgr",
    consumers: {
      prod: {
        runtime: onMainServer("code-queue-mgr", {
          gates: [
            {
              verdict: "absent",
              path: "/api/tasks/stats",
              keys: ["skipped"],
              remedy: "pin a commit that serves /api/tasks/stats without skipped",
            },
          ],
        }),
        supervised: {
          affectedRuntime: "main-server Compose service code-queue-mgr, container code-queue-mgr-backend",
          excludedTargets: codeQueueTargets,
        },
      },
    },
  },
  onK3sInBoth("decision-center"),
  onK3sInBoth("mdtodo"),
  onK3sInBoth("claudeqq"),
  {
    service: "findjob",
    consumers: {
      prod: { runtime: onD601("findjob") },
      dev: planned(onD601("findjob"), "D601 has one Compose project, and it is prod"),
    },
  },
  {
    service: "pipeline",
    consumers: {
      prod: { runtime: onD601("pipeline") },
      dev: planned(onD601("pipeline"), "D601 has one Compose project, and it is prod"),
    },
  },
  { service: "met-nonlinear", consumers: { prod: metNonlinear, dev: metNonlinear } },
  {
    service: "k3sctl-adapter",
    consumers: {
      prod: {
        ...planned(
          onD601("k3sctl-adapter", { container: "k3sctl-adapter" }),
          "the control bridge to k3s is deployed by hand",
        ),
        supervised: {
          affectedRuntime: "d601 control bridge k3sctl-adapter",
          excludedTargets: ["k3s", "its workloads"],
        },
      },
    },
  },
  {
    service: "code-queue",
    consumers: {
      prod: {
        decision: "unsupported",
        reason:
          "production code-queue has no artifact consumer; its scheduler, runner and tasks are never deployed from here",
        excludedTargets: codeQueueTargets.map((target) => `production ${target}`),
      },
      dev: {
        runtime: {
          kind: "k3s",
          host: "d601",
          namespace: "unidesk-dev",
          workloads: ["scheduler", "read", "write", "provider-egress-proxy"].map((role) => ({
            name: `code-queue-${role}-dev`,
            port: 8080,
            env: { UNIDESK_CODE_QUEUE_ROLE: role },
          })),
          health: {},
        },
        supervised: {
          affectedRuntime: "d601 k3s unidesk-dev, the four Deployments of code-queue",
          excludedTargets: codeQueueTargets.map((target) => `production ${target}`),
        },
      },
    },
  },
];
