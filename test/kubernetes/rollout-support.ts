import { beforeAll, expect } from "vitest";
import { labCommits } from "../../lab/commits.ts";
import { labExec } from "../../lab/index.ts";
import { HistoryEntry } from "../../lib/history/entry.ts";
import { hostPaths } from "../../lib/host-paths.ts";
import type { K3sTarget } from "../../lib/kubernetes/target.ts";
import { observeHost } from "../../lib/observe/host.ts";
import type { K3sSubject, ObservedK3s } from "../../lib/observe/k3s.ts";
import type { StepSpecs } from "../../lib/steps/specs.ts";
import { StepRunner } from "../lab-steps.ts";
import { home, LabSite, lines, livePods, registry, registryStack, registryStatus, until } from "../lab-support.ts";

export const { second, third, crash, neverHealthy, lies } = labCommits.unidesk;
export const socket = "/run/k3s/containerd/containerd.sock";
export const namespace = "ut-rollout";
export const stack = "ut-rollout";
export const workload = "frontend-ut";

export function imageOf(commit: string): string {
  return `${registry.address}:${registry.port}/unidesk/frontend:${commit}`;
}

export const kubectl = (...args: string[]) => labExec("d601", ["k3s", "kubectl", ...args]);
export const ctr = (...args: string[]) => labExec("d601", ["ctr", "-a", socket, "-n", "k8s.io", ...args]);

export function targetOf(deadlineSeconds = 12): K3sTarget {
  return {
    host: "d601",
    kubectl: "k3s kubectl",
    namespace,
    workloads: [{ name: workload, port: 8080 }],
    health: { path: "/health", deadlineSeconds },
    registryPort: registry.port,
  };
}

export function artifactOf(commit: string): StepSpecs["k3s-rollout"]["artifact"] {
  return { service: "frontend", repository: "unidesk/frontend", commit };
}

export function imageSpec(commit: string): StepSpecs["containerd-image"] {
  return { registry: { host: "d601", port: registry.port }, target: "d601", artifact: artifactOf(commit) };
}

/**
 * @param seen Generation of the live Deployment before the apply, null for none. Default: another one than it has now, as
 *   where Terraform has just changed it.
 */
export function rolloutSpec(
  commit: string,
  deadlineSeconds?: number,
  seen: number | null = 0,
): StepSpecs["k3s-rollout"] {
  return { artifact: artifactOf(commit), target: targetOf(deadlineSeconds), seen: { [workload]: seen } };
}

/** What the live Deployment says under a JSONPath. */
export function deploymentField(path: string): Promise<string> {
  return kubectl("-n", namespace, "get", "deployment", workload, "-o", `jsonpath={${path}}`);
}

export async function generation(): Promise<number> {
  return Number(await deploymentField(".metadata.generation"));
}

/** What a look sees of a service on the cluster; a cluster that is slow to answer is looked at again. */
export async function seenOn(site: LabSite, subject: K3sSubject): Promise<ObservedK3s> {
  const seen: ObservedK3s[] = [];
  await until("the cluster is seen", 90_000, async () => {
    const { k3s } = await observeHost(site.connection("d601"), { services: [], k3s: [subject] });
    seen.push(...[...k3s.values()].filter(({ cluster, images }) => cluster && images));
    return seen.length > 0;
  });
  const [first] = seen;
  if (!first) throw new Error("nothing was seen");
  return first;
}

/** With a receipt, which names the stack in the history. */
export const receipt = { host: "d601", key: `${stack}/frontend-rollout`, spec: "ut" } as const;

/**
 * What Terraform's provider makes, tested elsewhere; `kubectl apply` here.
 *
 * @param endSeconds How long a pod takes to end. Default: no time at all.
 */
export async function applyObjects(commit: string, replicas = 1, endSeconds = 0): Promise<void> {
  const labels = { app: workload };
  const items = [
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: workload, namespace },
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            terminationGracePeriodSeconds: endSeconds + 1,
            containers: [
              {
                name: workload,
                image: imageOf(commit),
                imagePullPolicy: "Never",
                env: [
                  { name: "UNIDESK_DEPLOY_REQUESTED_COMMIT", value: commit },
                  { name: "UT_SECRET", value: "value-that-nobody-prints" },
                ],
                ...(endSeconds > 0 ? { lifecycle: { preStop: { sleep: { seconds: endSeconds } } } } : {}),
                readinessProbe: { httpGet: { path: "/health", port: 8080 }, periodSeconds: 1, timeoutSeconds: 5 },
              },
            ],
          },
        },
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: workload, namespace },
      spec: { selector: labels, ports: [{ name: "http", port: 8080, targetPort: 8080 }] },
    },
  ];
  const input = JSON.stringify({ apiVersion: "v1", kind: "List", items });
  await labExec("d601", ["k3s", "kubectl", "apply", "-f", "-"], { input });
}

export async function liveImage(): Promise<string> {
  return deploymentField(".spec.template.spec.containers[0].image");
}

export async function history(): Promise<HistoryEntry[]> {
  const text = await labExec("d601", `cat ${hostPaths({ home }).history}/frontend.jsonl 2>/dev/null || true`);
  return lines(text)
    .map((line) => HistoryEntry.parse(JSON.parse(line)))
    .filter((entry) => entry.stack === stack);
}

/** With the names that the kubelet's side gives by the configuration, which keep the content alive. */
export async function forgetImages(): Promise<void> {
  const names = `awk '{ name[NR] = $1; digest[NR] = $3; if ($1 ~ /unidesk\\/frontend/) ours[$3] = 1 } END { for (i in name) if (digest[i] in ours) print name[i] }'`;
  const containerd = `ctr -a ${socket} -n k8s.io images`;
  const records = `${hostPaths({ home }).deliveries}/containerd/frontend`;
  await labExec("d601", `${containerd} ls | ${names} | xargs -r ${containerd} rm --sync >/dev/null; rm -rf ${records}`);
}

/** Makes the namespace of these tests. */
export async function furnishNamespace(): Promise<void> {
  await kubectl("create", "namespace", namespace);
  // Without it no pod starts.
  await until("the namespace is furnished", 60_000, async () =>
    (await kubectl("-n", namespace, "get", "configmaps", "-o", "name")).includes("kube-root-ca.crt"),
  );
}

/** Waits until a step has printed that. */
export function said(step: ReturnType<StepRunner["start"]>, text: string): Promise<void> {
  let output = "";
  return new Promise((resolve, reject) => {
    step.all.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes(text)) resolve();
    });
    step.all.once("end", () => reject(new Error(`it never said "${text}":\n${output}`)));
  });
}

/** Pods of the workload, without those that are ending. */
export async function podNames(): Promise<string[]> {
  return (await livePods(`app=${workload}`)).map(({ pod }) => pod);
}

/** Takes away what tests of this folder made. */
export async function cleanCluster(): Promise<void> {
  // A test may have had the API away: its controllers come back long after it.
  const words = ["k3s", "kubectl", "delete", "namespace", namespace, "--ignore-not-found", "--timeout=120s"];
  await labExec("d601", words, { timeoutMs: 150_000 });
  await forgetImages();
  const file = `${hostPaths({ home }).history}/frontend.jsonl`;
  await labExec(
    "d601",
    `[ ! -f ${file} ] || sed -i '/"stack":"${stack}"/d' ${file}; rm -rf ${hostPaths({ home }).base}/receipts/${stack}`,
  );
}

/** A site with a registry that has the frontend's commits. */
export function useCluster(): { readonly site: LabSite; readonly steps: StepRunner } {
  const site = new LabSite();
  const steps = new StepRunner(site);
  beforeAll(async () => {
    await site.open();
    if ((await registryStatus()) !== "200") await site.deploy(registryStack, { state: "restore" });
    await site.publishMissing(
      [second, third, crash, neverHealthy, lies].map((commit) => ({ service: "frontend", commit })),
    );
    await cleanCluster();
    expect(await kubectl("get", "nodes")).toContain(" Ready ");
  });
  return { site, steps };
}
