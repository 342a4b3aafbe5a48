import { dirname } from "node:path";
import type { Connection } from "../config/hosts.ts";
import { type DeliveryRecord, parseDeliveryRecord } from "../delivery/record.ts";
import { messageOf } from "../errors.ts";
import { containerdFunctions, containerdRecordPath } from "../kubernetes/containerd.ts";
import {
  type ClusterAnswer,
  type ClusterItem,
  clusterLookScript,
  parseClusterLook,
  replyKey,
} from "../kubernetes/look.ts";
import { clusterImage, type K3sTarget } from "../kubernetes/target.ts";
import { receiptsFolder } from "../receipts.ts";
import { asRootFunction } from "../ssh/as-root.ts";
import { shellCommand } from "../ssh/quote.ts";
import type { HealthReply } from "../verdicts/reply.ts";
import { knownSubjects, type Probes } from "./probe.ts";

/** One service on a cluster, to look at. */
export interface K3sSubject {
  readonly service: string;
  readonly target: K3sTarget;
  /** The pinned commit; those of the receipts on the host are looked at too. */
  readonly commit: string;
}

/** What a Deployment or a pod says it runs. */
interface ObservedTemplate {
  readonly image: string;
  /** UNIDESK_DEPLOY_REQUESTED_COMMIT; no other variable is ever read. */
  readonly requestedCommit: string;
}

export interface ObservedDeployment extends ObservedTemplate {
  /** Kubernetes' resourceVersion: another one after every write, its status included. */
  readonly version: string;
  readonly generation: number;
  /** What it selects its pods by, one word a label or expression: `app=frontend-dev`. */
  readonly selector: readonly string[];
  readonly observedGeneration: number;
  /** How many pods are wanted, are there, are of the newest revision, and are available. */
  readonly replicas: number;
  readonly total: number;
  readonly updated: number;
  readonly available: number;
  /** Why Kubernetes may make no pods (its condition ReplicaFailure): a quota, a policy, a webhook. Empty where it may. */
  readonly refused: string;
  /** By `kubectl rollout pause`: nothing new is rolled out. */
  readonly paused: boolean;
  /** What its pods have that nothing here declares or can change: `initContainers`, `hostAliases`, `readinessGates`. */
  readonly unmanaged: readonly string[];
  /** Names of its pods' volumes. */
  readonly volumes: readonly string[];
}

export interface ObservedPod extends ObservedTemplate {
  readonly name: string;
  /** Kubernetes' own word: Pending, Running, Succeeded, Failed, Unknown. */
  readonly phase: string;
  readonly ready: boolean;
  /** It is being deleted; it may answer until it is gone. */
  readonly ending: boolean;
  readonly restarts: number;
  /** Why its container does not run: CrashLoopBackOff, ErrImageNeverPull … */
  readonly waiting: string;
  /** What the node runs: `<repository>@<digest>`, or the digest of the image's configuration. */
  readonly imageId: string;
  readonly health: HealthReply;
}

/** What the cluster holds of one workload. */
export interface ObservedWorkload {
  readonly deployment: ObservedDeployment | undefined;
  /** Every pod that the selector matches. */
  readonly pods: readonly ObservedPod[];
  readonly service:
    | { readonly version: string; readonly ports: readonly number[]; readonly readyEndpoints: number }
    | undefined;
  /** The reply that the Service gives. */
  readonly health: HealthReply;
  /** An autoscaler sets the replicas of the Deployment, which has some. @default false */
  readonly autoscaled?: boolean;
}

/** An image that containerd has under a commit tag. */
export interface ObservedClusterImage {
  /** Digest of what the tag names. */
  readonly digest: string;
  readonly record: DeliveryRecord | undefined;
}

export interface ObservedK3s {
  /** Images under the commit tags, by commit; undefined where containerd gave no answer. */
  readonly images: Readonly<Record<string, ObservedClusterImage>> | undefined;
  /** What the cluster says; undefined where its API gave no answer. */
  readonly cluster:
    | {
        readonly namespace: boolean;
        /** Somebody deletes it: what is in it goes, and nothing new comes. @default false */
        readonly namespaceEnding?: boolean;
        readonly workloads: Readonly<Record<string, ObservedWorkload>>;
      }
    | undefined;
  /** Why something could not be looked at. */
  readonly warning?: string;
  /** A part of it did not answer in time: another look may see it. @default false */
  readonly tooSlow?: boolean;
}

/** Subjects are told apart by namespace and service: prod and dev of a service may be on one cluster. */
export function k3sKey({ service, target }: Pick<K3sSubject, "service" | "target">): string {
  return `${target.namespace}/${service}`;
}

/** What a look may be asked about. */
export type K3sPlace = Omit<K3sSubject, "commit">;

/** Words that choose services of a look; see `k3sProbes`. */
export function k3sWords(subjects: readonly K3sSubject[]): string[] {
  return subjects.map((subject) => `k3s/${k3sKey(subject)}=${subject.commit}`);
}

/** How long a look at the cluster may take; it has to end before the look at the whole host does. */
const lookSeconds = 30;
/** The same of containerd. */
const imagesSeconds = 20;
/** How timeout(1) ends then. */
const timedOut = 124;

/** The probes that `readK3s` reads, for those services of one cluster that words choose. Begun at once, they run beside all others. */
export function k3sProbes(host: Connection, known: readonly K3sPlace[]): string {
  const [first] = known;
  if (!first) return "";
  return `${asRootFunction}
${containerdFunctions}
k3s_images= k3s_records= k3s_workloads=()
# k3s_commits NAME-WITHOUT-COMMIT RECORDS RECEIPTS SERVICE COMMIT
k3s_commits() {
  local commit
  for commit in $({ echo "$5"; sed -n 's/^spec \\([0-9a-f]\\{40\\}\\) .*/\\1/p' "$3"/*/"$4-containerd-image" "$3"/*/"$4-rollout" 2>/dev/null; } | sort -u); do
    k3s_images="$k3s_images name==$1$commit"
    k3s_records="$k3s_records $2/$commit.json"
  done
}
${knownSubjects(
  "k3s_subject",
  "k3s",
  known.map((place) => [k3sKey(place), subjectCommands(host, place)]),
)}
k3s_look() { as_root timeout -k 2 ${lookSeconds} bash -c ${shellCommand([clusterLookScript])} look "$@"; }
k3s_containerd() { local all; all=$(cluster_ctr ${imagesSeconds} images ls $k3s_images) || return; printf '%s\\n' "$all" | awk 'NR > 1 { print $1, $3 }'; }
k3s_record_lines() { local file; for file in $k3s_records; do [ ! -f "$file" ] || { printf '%s ' "$file"; tr -d '\\n' < "$file"; echo; }; done; }
each k3s k3s_subject "$@"
if [ "\${#k3s_workloads[@]}" -gt 0 ]; then
  probe_later k3s.cluster k3s_look ${shellCommand([first.target.kubectl])} "\${k3s_workloads[@]}"
  probe_later k3s.containerd k3s_containerd
  probe_later k3s.records k3s_record_lines
fi
`;
}

function subjectCommands(host: Connection, place: K3sPlace): string {
  const { service, target } = place;
  const name = clusterImage(target.registryPort, service, "");
  const records = dirname(containerdRecordPath(host, service, "none"));
  const commits = shellCommand(["k3s_commits", name, records, receiptsFolder(host), service]);
  return `${commits} "$2"; k3s_workloads+=(${shellCommand(lookWords(place))})`;
}

/** `<namespace> <workload> <port> <path>` for each workload. */
function lookWords({ target: { namespace, workloads, health } }: K3sPlace): string[] {
  return workloads.map(({ name, port }) => `${namespace} ${name} ${port} ${health.path}`);
}

/** A part that could not be looked at is undefined, with a warning; it hides no other. */
export function readK3s(
  probes: Probes,
  host: Connection,
  subjects: readonly K3sSubject[],
): ReadonlyMap<string, ObservedK3s> {
  if (subjects.length === 0) return new Map();
  const tags = probes.optional("k3s.containerd");
  const records = keyedLines(probes.text("k3s.records"));
  const look = probes.optional("k3s.cluster");
  const { answer, unread } = look === undefined ? {} : readLook(look);
  const silent = `the Kubernetes API of ${host.name} gave no answer`;
  const warnings = [
    ...(unread === undefined ? [] : [`${silent} that can be read: ${unread}`]),
    ...(look === undefined ? [`${silent}: ${reason(probes, "k3s.cluster", lookSeconds)}`] : []),
    ...(tags === undefined
      ? [`containerd of ${host.name} gave no answer: ${reason(probes, "k3s.containerd", imagesSeconds)}`]
      : []),
  ];
  const isSlow = (name: string) => probes.get(name).exitCode === timedOut;
  const tooSlow = isSlow("k3s.cluster") || isSlow("k3s.containerd");
  const images = tags === undefined ? undefined : keyedLines(tags);
  return new Map(
    subjects.map((subject): [string, ObservedK3s] => [
      k3sKey(subject),
      {
        images: images && imagesOf(subject, images, records, host),
        cluster: answer && {
          namespace: answer.namespaces.has(subject.target.namespace),
          namespaceEnding: answer.namespaces.get(subject.target.namespace) === "ending",
          workloads: Object.fromEntries(
            subject.target.workloads.map(({ name }) => [name, workloadOf(name, subject.target, answer)]),
          ),
        },
        ...(warnings.length > 0 ? { warning: warnings.join("\n") } : {}),
        ...(tooSlow ? { tooSlow } : {}),
      },
    ]),
  );
}

/** One text that nobody foresaw must not end the look at a whole host. */
function readLook(look: string): { readonly answer?: ClusterAnswer; readonly unread?: string } {
  try {
    return { answer: parseClusterLook(look) };
  } catch (error) {
    return { unread: messageOf(error).replaceAll(/\s+/g, " ").slice(0, 200) };
  }
}

function imagesOf(
  { service, target }: K3sSubject,
  tags: ReadonlyMap<string, string>,
  records: ReadonlyMap<string, string>,
  host: Connection,
): Record<string, ObservedClusterImage> {
  const found = [...tags].flatMap(([name, digest]): [string, ObservedClusterImage][] => {
    const commit = /:([0-9a-f]{40})$/.exec(name)?.[1];
    if (!commit || name !== clusterImage(target.registryPort, service, commit)) return [];
    const record = parseDeliveryRecord(records.get(containerdRecordPath(host, service, commit)) ?? "");
    return [[commit, { digest, record }]];
  });
  return Object.fromEntries(found);
}

function workloadOf(name: string, { host, namespace }: K3sTarget, answer: ClusterAnswer): ObservedWorkload {
  const items = answer.items.filter((item) => item.namespace === namespace);
  const deployment = items.find((item) => item.kind === "Deployment" && item.name === name);
  const service = items.find((item) => item.kind === "Service" && item.name === name);
  const endpoints = items.flatMap((item) => (item.kind === "EndpointSlice" && item.service === name ? item.ready : []));
  const reply = (kind: "service" | "pod", about: string): HealthReply => {
    const { status, body } = answer.replies.get(replyKey(kind, namespace, about)) ?? { status: 0, body: "" };
    const refused = status >= 500 ? apiMessage(body) : undefined;
    const where = `${host} ${namespace} ${kind} ${about}`;
    if (refused !== undefined) return { status: 0, body: "", error: refused, where };
    return { status, body, where };
  };
  return {
    deployment: deployment?.kind === "Deployment" ? deployment : undefined,
    // At 0 an autoscaler does nothing.
    autoscaled:
      deployment?.kind === "Deployment" && deployment.replicas > 0 && answer.scaled.has(`${namespace}/${name}`),
    service:
      service?.kind === "Service"
        ? { version: service.version, ports: service.ports, readyEndpoints: endpoints.filter(Boolean).length }
        : undefined,
    pods: items
      .filter((item): item is ClusterItem & { kind: "Pod" } => item.kind === "Pod" && item.app === name)
      .map((pod) => ({ ...pod, health: reply("pod", pod.name) })),
    health: reply("service", name),
  };
}

/** The API's own words where it could not reach a pod; a pod that says so itself has other ones. */
function apiMessage(body: string): string | undefined {
  try {
    const said = JSON.parse(body) as { kind?: unknown; apiVersion?: unknown; message?: unknown };
    return said.kind === "Status" && said.apiVersion === "v1" ? String(said.message).slice(0, 200) : undefined;
  } catch {
    return undefined;
  }
}

function reason(probes: Probes, name: string, seconds: number): string {
  const { exitCode, text } = probes.get(name);
  // What was printed until then is no reason.
  if (exitCode === timedOut) return `not within ${seconds} s`;
  return text.trim().split("\n").at(-1)?.slice(0, 200) || `exit ${exitCode}`;
}

/** `<key> <rest>` lines. */
function keyedLines(text: string): Map<string, string> {
  const lines = text.split("\n").filter((line) => line !== "");
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]));
}
