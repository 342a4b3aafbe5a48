import { clusterImage, type K3sTarget } from "../../lib/kubernetes/target.ts";
import type { ObservedDeployment, ObservedK3s, ObservedPod, ObservedWorkload } from "../../lib/observe/k3s.ts";
import { commitA, digestA, digestB } from "../support.ts";

export const target: K3sTarget = {
  host: "d601",
  kubectl: "k3s kubectl",
  namespace: "unidesk-dev",
  workloads: [{ name: "frontend-dev", port: 8080 }],
  health: { path: "/health", deadlineSeconds: 60 },
  registryPort: 5000,
};
export const wanted = { service: "frontend", commit: commitA };

export function healthOf(commit: string) {
  return { status: 200, body: JSON.stringify({ deploy: { commit, requestedCommit: commit } }), where: "d601" };
}

export function deployment(changes: Partial<ObservedDeployment> = {}): ObservedDeployment {
  return {
    generation: 2,
    version: "1",
    selector: ["app=frontend-dev"],
    observedGeneration: 2,
    replicas: 1,
    total: 1,
    updated: 1,
    available: 1,
    refused: "",
    paused: false,
    unmanaged: [],
    volumes: [],
    image: clusterImage(5000, "frontend", commitA),
    requestedCommit: commitA,
    ...changes,
  };
}

export function pod(changes: Partial<ObservedPod> = {}): ObservedPod {
  return {
    name: "frontend-dev-1",
    phase: "Running",
    ready: true,
    ending: false,
    restarts: 0,
    waiting: "",
    image: clusterImage(5000, "frontend", commitA),
    requestedCommit: commitA,
    imageId: `127.0.0.1:5000/unidesk/frontend@${digestA}`,
    health: healthOf(commitA),
    ...changes,
  };
}

export function workloadOf(changes: Partial<ObservedWorkload> = {}): ObservedWorkload {
  return {
    deployment: deployment(),
    pods: [pod()],
    service: { version: "1", ports: [8080], readyEndpoints: 1 },
    health: healthOf(commitA),
    ...changes,
  };
}

export function observed(changes: Partial<ObservedWorkload> = {}, rest: Partial<ObservedK3s> = {}): ObservedK3s {
  const workload = workloadOf(changes);
  return {
    images: { [commitA]: { digest: digestA, record: { digest: digestA, imageId: digestB } } },
    cluster: { namespace: true, workloads: { "frontend-dev": workload } },
    ...rest,
  } as ObservedK3s;
}
