import { chmodSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { InfraBlockedError } from "../../lib/errors.ts";
import type { Revision } from "../../lib/kubernetes/revisions.ts";
import { restartWorkloads, resumeWorkloads, undoRollout, type WaysBack } from "../../lib/kubernetes/rollout.ts";
import { clusterImage, type K3sTarget } from "../../lib/kubernetes/target.ts";
import { commitA, commitB, localHost, rejectionOf, tempFolder, write } from "../support.ts";
import { withoutRoot } from "./as-root.ts";

withoutRoot();

const failing = { service: "web", commit: commitB };
const imageOf = (commit: string) => clusterImage(5000, "web", commit);
const before: Revision = { name: "web-1", image: imageOf(commitA), revision: 3, ready: 1, commit: commitA };

/**
 * A cluster of Deployments, each with its image in a file, and of ReplicaSets with their numbers. `undo` writes the image of
 * commit A; the API is away for the command whose number is in the file `away`.
 */
function clusterOf(deployments: Readonly<Record<string, string>>) {
  const folder = tempFolder();
  for (const [name, image] of Object.entries(deployments)) write(folder, name, image);
  const command = write(
    folder,
    "kubectl",
    `#!/bin/bash
cd ${folder}
echo "$*" >> calls
[ "$(wc -l < calls)" != "$(cat away 2>/dev/null)" ] || { echo "connection refused" >&2; exit 1; }
[ "$1" = --kubeconfig=/etc/rancher/k3s/k3s.yaml ] || exit 9
while [ "\${1#-}" != "$1" ]; do if [ "$1" = -n ]; then shift; fi; shift; done
case "$1 $2 $3 $4" in
  "get deployment/"*" -o jsonpath={.spec.paused}") [ -f "\${2#*/}.resumed" ] || echo true ;;
  "get deployment/"*) if [ -f "\${2#*/}" ]; then printf '%s ' "$(cat "\${2#*/}")"; fi ;;
  "get replicaset/"*) echo 3 ;;
  # As kubectl: what is not paused cannot be resumed.
  "rollout resume "*) [ ! -f "\${3#*/}.resumed" ] || { echo "is not paused" >&2; exit 1; }; touch "\${3#*/}.resumed" ;;
  "rollout undo "*) printf %s "${imageOf(commitA)}" > "\${3#*/}" ;;
esac
`,
  );
  chmodSync(command, 0o755);
  const target: K3sTarget = {
    host: "d601",
    kubectl: command,
    namespace: "ns",
    workloads: Object.keys(deployments).map((name) => ({ name, port: 80 })),
    health: { path: "/health", deadlineSeconds: 1 },
    registryPort: 5000,
  };
  const undo = (ways: WaysBack) => undoRollout(localHost(folder), target, failing, ways);
  const resume = () => resumeWorkloads(localHost(folder), target, Object.keys(deployments));
  const restart = () => restartWorkloads(localHost(folder), target, Object.keys(deployments));
  const calls = () => (existsSync(join(folder, "calls")) ? readFileSync(join(folder, "calls"), "utf8") : "");
  return { undo, resume, restart, calls, away: (call: number) => write(folder, "away", String(call)) };
}
const both = { web: imageOf(commitB), worker: imageOf(commitB) };
const ways: WaysBack = Object.keys(both).map((workload) => ({ workload, way: { revision: before } }));
const back = (workload: string) => ({ workload, to: "revision", commit: commitA });

test("each workload goes back by its ReplicaSet, whatever its number is by then", async () => {
  const cluster = clusterOf(both);
  expect(await cluster.undo(ways)).toEqual([back("web"), back("worker")]);
  expect(cluster.calls()).toContain("rollout undo deployment/worker --to-revision=3");
});

test("an undo that was cut half way is tried again: what was done is nobody else's", async () => {
  const cluster = clusterOf(both);
  cluster.away(4);
  expect(await rejectionOf(cluster.undo(ways))).toBeInstanceOf(InfraBlockedError);
  cluster.away(0);
  expect(await cluster.undo(ways)).toEqual([back("web"), back("worker")]);
  expect(cluster.calls().match(/rollout undo deployment\/web /g)).toHaveLength(1);
});

test("a Deployment that names another image, or is gone, is somebody else's and left alone", async () => {
  const cluster = clusterOf({ ...both, web: imageOf("c".repeat(40)) });
  expect(await cluster.undo(ways)).toEqual([{ workload: "web", to: "somebody else's" }, back("worker")]);
  const gone = clusterOf({});
  expect(await gone.undo(ways.slice(0, 1))).toEqual([{ workload: "web", to: "somebody else's" }]);
  expect(gone.calls()).not.toContain("undo");
});

test("no pods and nothing to be done are said as such", async () => {
  const cluster = clusterOf(both);
  const said = await cluster.undo([
    { workload: "web", way: "scale-to-zero" },
    { workload: "worker", way: "leave" },
  ]);
  expect(said.map(({ to }) => to)).toEqual(["no pods", "nowhere"]);
  expect(cluster.calls()).toContain("scale deployment/web --replicas=0");
});

test("a resume that was cut half way is tried again", async () => {
  const cluster = clusterOf(both);
  cluster.away(4);
  expect(await rejectionOf(cluster.resume())).toBeInstanceOf(InfraBlockedError);
  cluster.away(0);
  await cluster.resume();
  expect(cluster.calls().match(/rollout resume deployment\/web/g)).toHaveLength(1);
  expect(cluster.calls().match(/rollout resume deployment\/worker/g)).toHaveLength(2);
});

test("new pods are made by an annotation of our own, which Terraform's provider can be told to leave", async () => {
  const cluster = clusterOf(both);
  await cluster.restart();
  const patches = cluster.calls().trim().split("\n");
  expect(patches).toHaveLength(2);
  for (const [index, name] of Object.keys(both).entries()) {
    expect(patches[index]).toContain(` patch deployments.apps/${name} `);
    const patch = JSON.parse(/ -p (.*)$/.exec(patches[index] ?? "")?.[1] ?? "");
    const annotations = { "dev.unidesk.restarted": expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) };
    expect(patch).toEqual({ spec: { template: { metadata: { annotations } } } });
  }
});
