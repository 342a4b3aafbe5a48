import { type ComposeRuntime, deployKeyPrefix, type K3sRuntime } from "../catalog/index.ts";
import type { Site } from "../config/site.ts";
import { clusterImage, rolloutDeadlineSeconds } from "../kubernetes/target.ts";
import { consumerOf, decide } from "./decision.ts";
import type { PlanSubject } from "./question.ts";
import type { PlannedAction } from "./schema.ts";

/** The one command that replaces a Compose service's container; lib/deploy-job/container.ts runs it with explicit project, file and env file. */
export function recreateCommand({ composeService }: ComposeRuntime): string {
  return `docker compose up -d --no-build --no-deps --pull never --force-recreate ${composeService}`;
}

/** What an apply does, in its order. What is never applied begins and ends with the refusal. */
export function plannedActions(site: Site, subject: PlanSubject): PlannedAction[] {
  const consumer = consumerOf(subject.consumer);
  const { decision, reason } = decide(subject.consumer);
  if (!consumer || consumer.planOnly) {
    return [action("refuse", "runner", `nothing is changed: ${decision}: ${reason}`)];
  }
  const { runtime, supervised } = consumer;
  const { service, commit = "", digest } = subject;
  const place = runtime.kind === "compose" ? "Docker" : "containerd";
  return [
    ...(supervised
      ? [
          action(
            "approval",
            "runner",
            "verify a person's signature over service, environment, commit and expiry; again as each changing step begins",
            `npx unidesk approve ${service} --env ${subject.environment} --commit ${commit}`,
          ),
        ]
      : []),
    action(
      "preflight",
      "d601",
      `manifest of the commit tag is there${digest ? `, its digest is ${digest}` : ""}, its labels are right, ${place} on ${runtime.host} has room; before anything changes`,
    ),
    ...(runtime.kind === "compose" ? composeActions(service, commit, runtime) : k3sActions(site, subject, runtime)),
    action("receipt", runtime.host, "one line of history, one receipt"),
  ];
}

function composeActions(service: string, commit: string, runtime: ComposeRuntime): PlannedAction[] {
  const { host, stableImage, container } = runtime;
  const prefix = deployKeyPrefix(service);
  const pull =
    host === "d601"
      ? "pull by digest from the registry on this host's loopback"
      : "pull by digest through a tunnel to d601's registry that lives as long as the pull; only missing layers cross the wire";
  return [
    action("deliver", host, `${pull}; compare the image id with the manifest`),
    action("name", host, `name the image ${stableImage}:${commit}`),
    ...(runtime.secrets
      ? [
          action(
            "secrets",
            host,
            `the controlled env file holds ${runtime.secrets.join(", ")}; presence and length only`,
          ),
        ]
      : []),
    action("env", host, `write ${prefix}COMMIT, REQUESTED_COMMIT, DIGEST and IMAGE to the controlled env file`),
    action("tag", host, `name the image ${stableImage}`),
    action("recreate", host, `replace container ${container}, nothing else`, recreateCommand(runtime)),
    action("confirm", host, "confirm once everything below is verified; else the previous image and keys are put back"),
  ];
}

function k3sActions(site: Site, subject: PlanSubject, runtime: K3sRuntime): PlannedAction[] {
  const { host, namespace, workloads } = runtime;
  const names = workloads.map(({ name }) => name).join(", ");
  const image = clusterImage(site.registry.port, subject.service, subject.commit ?? "");
  const { authSync } = runtime;
  return [
    action("namespace", host, `namespace ${namespace} exists; created where it does not`),
    action("deliver", host, `pull by digest into k3s's containerd; name the image ${image}`),
    ...(authSync
      ? [
          action(
            "auth",
            host,
            `hand config.json .auth of main-server to Secret ${authSync.secret.name} and ConfigMap ${authSync.configMap.name} of ${namespace}`,
          ),
        ]
      : []),
    action(
      "apply",
      host,
      `Deployment and Service ${names}: image, UNIDESK_DEPLOY_* and annotations; imagePullPolicy Never`,
    ),
    action(
      "rollout",
      host,
      `wait for the rollout of ${names}, ${runtime.health.deadlineSeconds ?? rolloutDeadlineSeconds} s at most; where it fails, undo it, or scale to 0 where nothing ran before`,
    ),
  ];
}

function action(name: string, on: string, what: string, command: string | null = null): PlannedAction {
  return { action: name, on, what, command };
}
