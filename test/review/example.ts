import type { ReviewReport } from "../../lib/review/report.ts";
import { commit, digest, extentOf, logged, type ReportChange, reportOf, serviceOf, stillOf } from "./support.ts";

const still = [
  ...["backend-core", "baidu-netdisk", "oa-event-flow", "todo-note", "findjob"].map((name) => stillOf(name)),
  ...["code-queue-mgr", "pipeline"].map((name) => stillOf(name, { host: "d601" })),
  ...["mdtodo", "claudeqq", "decision-center"].flatMap((name) => [
    stillOf(name, { host: "d601", runtime: "k3s", targets: [`unidesk/${name}`] }),
    stillOf(name, { host: "d601", runtime: "k3s", environment: "dev", targets: [`unidesk-dev/${name}-dev`] }),
  ]),
];

/** A pull request of three pins with everything that a reviewer can meet, for looking at. */
export function exampleReport(change: ReportChange = {}): ReviewReport {
  return reportOf({
    services: [
      serviceOf({
        service: "frontend",
        commits: {
          ahead: 2,
          log: [
            logged("b", "frontend: show the queue's length", ["src/components/frontend/server.py"]),
            logged(
              "c",
              "shared: one line a request in the log",
              ["src/components/shared/service.py", "README"],
              "Wei Chen",
            ),
          ],
        },
        transfer: { bytes: 4_100_000, diskBytes: 11_200_000, missingLayers: 2 },
        hidden: ["changed environment or Compose configuration"],
        storage: ["unidesk_frontend-cache"],
        gates: ["GET /health auth: all true"],
      }),
      serviceOf({
        service: "project-manager",
        reason: "drift: container missing",
        action: "repair",
        commits: { live: null, pinned: commit("d"), relation: "first", ahead: null, behind: null, log: [] },
        digest: { live: null, pinned: digest("4"), registry: digest("4") },
        transfer: { bytes: 0, diskBytes: 0, missingLayers: 0, layers: 6 },
        time: { seconds: null, downtimeSeconds: null, samples: 1 },
        interrupts: false,
        rollback: { commit: null, imageOnTarget: null, imageInRegistry: null },
      }),
      serviceOf({
        service: "code-queue",
        host: "d601",
        runtime: "k3s",
        targets: ["unidesk/code-queue", "unidesk/code-queue-web"],
        commits: {
          pinned: commit("e"),
          relation: "backward",
          ahead: 0,
          behind: 1,
          note: "the new scheduler loses tasks",
          log: [
            {
              ...logged("a", "code-queue: schedule by priority", ["src/components/microservices/code-queue/server.py"]),
              taken: true,
            },
          ],
        },
        transfer: { bytes: 91_200, diskBytes: 240_000, missingLayers: 1, layers: 6, exact: false },
        time: { seconds: 4.4, downtimeSeconds: 0, samples: 7 },
        secrets: [
          { key: "UNIDESK_CODE_QUEUE_TOKEN", present: true },
          { key: "UNIDESK_CODE_QUEUE_KEY", present: false },
        ],
        approval: {
          state: "missing",
          detail: "no approval of this commit",
          command: `npx unidesk approve code-queue --env prod --commit ${commit("e")}`,
        },
        excludedTargets: ["code-queue scheduler", "code-queue runner", "tasks"],
        rollback: { commit: commit("a"), imageOnTarget: true, imageInRegistry: false },
      }),
      serviceOf({
        service: "todo-note",
        environment: "dev",
        host: "d601",
        runtime: "k3s",
        targets: ["unidesk-dev/todo-note-dev"],
        action: "first-deploy",
        reason: "first deploy",
        interrupts: false,
        commits: { live: null, relation: "first", ahead: null, behind: null, log: [] },
        digest: { live: null, pinned: null },
        transfer: { bytes: null, diskBytes: null, missingLayers: null, layers: null },
        time: { seconds: null, downtimeSeconds: null, samples: 0 },
        rollback: { commit: null, imageOnTarget: false, imageInRegistry: null },
      }),
      serviceOf({
        service: "met-nonlinear",
        host: "d601",
        action: "refused",
        reason: "blocked: its Dockerfile and its contract as a long-running service disagree",
        stack: "unidesk-plan-only",
        interrupts: false,
      }),
      ...still,
    ],
    stacks: [
      {
        name: "d601-registry",
        action: "change",
        error: null,
        unchanged: 4,
        changes: [
          {
            address: "null_resource.registry_config",
            action: "replace",
            meaning: "writes /home/ubuntu/.unidesk/artifact-registry/config.yml and restarts the registry",
            fields: [{ path: "triggers.sha256", before: "1f0c", after: "77ab" }],
          },
        ],
      },
      { name: "unidesk-prod-main-server", action: "change", error: null, unchanged: 31, changes: [] },
      {
        name: "unidesk-dev-d601",
        action: "error",
        error: "Error: Unauthorized\n\n  with provider kubernetes",
        unchanged: 0,
        changes: [],
      },
    ],
    disks: [
      {
        host: "main-server",
        path: "/var/lib/docker",
        neededBytes: 14_300_000,
        freeBytes: 31_000_000_000,
        fits: true,
      },
      {
        host: "d601",
        path: "/run/k3s/containerd",
        neededBytes: 4_100_000_000,
        freeBytes: 820_000_000,
        fits: false,
      },
    ],
    destroys: ["d601-registry: replaces null_resource.registry_config"],
    touched: [
      extentOf("main-server", { containers: ["unidesk-frontend", "unidesk-project-manager"] }),
      extentOf("d601", {
        deployments: ["unidesk-dev/todo-note-dev"],
        namespaces: ["unidesk-dev"],
      }),
    ],
    waiting: [
      extentOf("d601", { deployments: ["unidesk/code-queue", "unidesk/code-queue-web"], namespaces: ["unidesk"] }),
    ],
    untouched: [
      extentOf("main-server", {
        containers: ["backend-core-backend", "unidesk-postgres", "unidesk-redis", "oa-event-flow-backend"],
      }),
      extentOf("d601", {
        containers: ["code-queue-mgr-backend", "pipeline-backend"],
        deployments: ["unidesk/mdtodo", "unidesk/claudeqq"],
        files: ["/home/ubuntu/unidesk/.state/compose.env"],
      }),
    ],
    findings: [
      {
        rule: "prod-after-dev",
        level: "deny",
        subject: "prod/code-queue",
        message: "pins eeeeeee, while dev runs aaaaaaa",
        allow: "deploy this commit to dev first",
      },
      {
        rule: "release-notes",
        level: "warn",
        subject: "prod/frontend",
        message: "no note in the changelog",
        allow: "add one",
      },
    ],
    warnings: ["main-server: 1 of 5 history files could not be read"],
    decision: "error",
    ...change,
  });
}
